"""What the commands that recognise speech take alike, and what becomes of it."""

import argparse
import tempfile
from pathlib import Path

from engine.errors import SettingsError
from engine.settings import AUTO, DEVICES, TASKS, TRANSCRIBE
from engine.vocabulary import terms_of


def declare_work(parser: argparse.ArgumentParser) -> None:
    """Declare what is to be done with the speech, and where."""
    parser.add_argument(
        "--task",
        default=TRANSCRIBE,
        choices=TASKS,
        help="write what is said as it is said (default), or translate it into English",
    )
    parser.add_argument(
        "--vocabulary",
        type=Path,
        metavar="FILE",
        help="names and terms that may come up, spelt as they should be: UTF-8, one a line, some thirty at most",
    )
    parser.add_argument(
        "--device",
        default=AUTO,
        choices=DEVICES,
        help="the graphics card if it can (auto, the default), the processor, or the graphics card only (cuda)",
    )


def terms(path: Path | None) -> tuple[str, ...]:
    """Return the names and terms of a file."""
    try:
        return terms_of(path.read_text(encoding="utf-8")) if path else ()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8", hint="Save it as UTF-8, one name or term a line.") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}", hint="Name another file.") from error


def make_folder(path: Path) -> None:
    """Have the folder for transcripts, or refuse to begin: who asks for one wants no captions without it."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        reason = "it is a file" if path.is_file() else error.strerror
        raise SettingsError(f"no transcript can be kept in {path}: {reason}", hint="Choose another folder.") from error

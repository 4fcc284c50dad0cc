"""`undertext correct SESSION FILE.json`: what was corrected in a JSON export, taken back into its transcript."""

import argparse
import sys
from pathlib import Path

from desktop import paths
from engine.errors import TranscriptError
from engine.transcript.export import parse_json
from engine.transcript.library import Library
from engine.transcript.records import Transcript

NAME = "correct"
HELP = "take texts back into a transcript that were corrected in its JSON export"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("session", metavar="SESSION", help="a session's name, its beginning, or 'last'")
    parser.add_argument(
        "file", type=Path, metavar="FILE.json", help="from 'export --format json', with texts that you have corrected"
    )
    parser.add_argument("--from", dest="folder", type=Path, metavar="DIR", help="where 'caption --save' kept it")


def run(options: argparse.Namespace) -> int:
    """Write what differs into the journal; return the exit code.

    Raises:
        TranscriptError: The file is no export of that session, or the session cannot be written.
    """
    library = Library(options.folder or paths.transcripts())
    transcript = library.read(options.session)
    written = _read(options.file)
    if written.header.id != transcript.header.id:
        raise TranscriptError(
            f"{options.file.name} is of the session {written.header.id or 'of nobody knows what'}",
            hint=f"Name it, or export {transcript.header.id}.",
        )
    heard = {segment.id: segment.text for segment in transcript.segments}
    texts = {each.id: each.text for each in written.segments if heard.get(each.id, each.text) != each.text}
    if texts:
        library.correct_all(transcript.header.id, texts)
    sys.stderr.write(f"{len(texts)} of {len(heard)} segments were corrected.\n")
    return 0


def _read(path: Path) -> Transcript:
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise TranscriptError(f"{path} cannot be read: {reason}", hint="Name a JSON export of the session.") from error

"""`undertext delete SESSION`: a transcript that is not to be kept, and its sound, removed from this machine."""

import argparse
import sys
from pathlib import Path

from desktop import paths
from engine.errors import SessionUnknown
from engine.transcript.library import Library

NAME = "delete"
HELP = "delete a transcript, and its sound if that was kept"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("session", metavar="SESSION", help="a session's whole name: 'undertext sessions' lists them")
    parser.add_argument("--from", dest="folder", type=Path, metavar="DIR", help="where 'caption --save' kept it")


def run(options: argparse.Namespace) -> int:
    """Delete it; return the exit code.

    Raises:
        SessionUnknown: There is none, or its name is not whole: what is meant by less may be another one tomorrow.
        TranscriptError: It is being written, or cannot be removed.
    """
    library = Library(options.folder or paths.transcripts())
    session = library.resolve(options.session)
    if session != options.session:
        raise SessionUnknown(
            f"{options.session!r} is not the whole name of a session, and what is deleted is gone",
            hint=f"Say {session}, if you mean that one.",
        )
    library.delete(session)
    sys.stderr.write(f"{session} was deleted.\n")
    return 0

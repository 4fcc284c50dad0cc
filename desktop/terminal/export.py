"""`undertext export SESSION --format …`: a transcript as text, subtitles or JSON."""

import argparse
import sys
from pathlib import Path

from desktop import paths
from engine.transcript import export
from engine.transcript.library import Library

NAME = "export"
HELP = "write a transcript as txt, srt, vtt or json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("session", metavar="SESSION", help="a session's name, its beginning, or 'last'")
    parser.add_argument("--format", default="txt", choices=sorted(export.FORMATS), help="default: txt")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: the standard output")
    parser.add_argument("--from", dest="folder", type=Path, metavar="DIR", help="where 'caption --save' kept it")


def run(options: argparse.Namespace) -> int:
    """Export one session; return the exit code."""
    transcript = Library(options.folder or paths.transcripts()).read(options.session)
    if options.output is None:
        sys.stdout.write(export.export(transcript, options.format))
    else:
        path = export.write(transcript, options.format, options.output)
        sys.stderr.write(f"Written to {path}\n")
    return 0

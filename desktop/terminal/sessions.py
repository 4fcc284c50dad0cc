"""`undertext sessions`: the transcripts that were kept."""

import argparse
import sys
from pathlib import Path

from desktop import paths
from desktop.terminal.rows import print_rows
from engine.transcript.library import Library, Summary

NAME = "sessions"
HELP = "list the transcripts that were kept"

_COLUMNS = ("session", "started", "length", "words", "heard", "ended")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--from", dest="folder", type=Path, metavar="DIR", help="where 'caption --save' kept them")


def run(options: argparse.Namespace) -> int:
    """Print the list, newest first; return the exit code."""
    folder = options.folder or paths.transcripts()
    summaries = Library(folder).sessions()
    if summaries:
        print_rows(_COLUMNS, map(_row, summaries))
    else:
        sys.stderr.write(f"There are no transcripts in {folder}: 'undertext caption SOURCE --save DIR' keeps one.\n")
    return 0


def _row(item: Summary) -> tuple[str, ...]:
    length = f"{item.duration_ms // 60_000}:{item.duration_ms // 1000 % 60:02}"
    ended = "running" if item.live else "yes" if item.ended else "recovered"
    return item.id, f"{item.started:%Y-%m-%d %H:%M}", length, str(item.words), item.source, ended

"""`undertext sessions`: the transcripts that were kept."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from desktop import paths
from engine.transcript.library import Library

NAME = "sessions"
HELP = "list the transcripts that were kept"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--from", dest="folder", type=Path, metavar="DIR", help="where 'caption --save' kept them")


def run(options: argparse.Namespace) -> int:
    """Print the list, newest first; return the exit code."""
    console = Console()
    summaries = Library(options.folder or paths.transcripts()).sessions()
    if not summaries:
        console.print("No transcripts yet. 'undertext' keeps one of everything it captions.")
        return 0
    table = Table("session", "started", "length", "words", "heard", "ended", box=None, header_style="bold")
    for item in summaries:
        length = f"{item.duration_ms // 60_000}:{item.duration_ms // 1000 % 60:02}"
        ended = "running" if item.live else "yes" if item.ended else "recovered"
        table.add_row(item.id, f"{item.started:%Y-%m-%d %H:%M}", length, str(item.words), item.source, ended)
    console.print(table)
    return 0

"""Rows for whoever reads them: a table on a terminal; tabs, with nothing shortened, for other programs."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

Row = Sequence[str]


def print_rows(columns: Row, rows: Iterable[Row], *, dim: Iterable[int] = ()) -> None:
    """Print rows under their headings.

    Args:
        columns: The headings; what stands in the first column is what a person types, and is never broken.
        rows: As many texts each as there are headings.
        dim: Which rows, counted from 0, matter less.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console.file.writelines("\t".join(row) + "\n" for row in (columns, *rows))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, heading in enumerate(columns):
        table.add_column(heading, overflow="fold", no_wrap=index == 0)
    less = set(dim)
    for index, row in enumerate(rows):
        table.add_row(*map(Text, row), style="dim" if index in less else "")
    console.print(table)

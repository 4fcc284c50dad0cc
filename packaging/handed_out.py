"""What a system's packages hand out beside themselves: the frozen program's lists, and checksums of everything."""

from collections.abc import Iterable, Iterator
from hashlib import file_digest
from pathlib import Path

import freeze
import origins

MB = 1_000_000


def checksums(made: Iterable[Path], out: Path) -> Path:
    """Write SHA256SUMS of what is to be handed out, as sha256sum reads it; return it."""
    lines = []
    for path in sorted(made):
        with path.open("rb") as file:
            lines.append(f"{file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    sums = out / "SHA256SUMS"
    sums.write_text("".join(lines), encoding="utf-8", newline="\n")
    return sums


def beside(out: Path) -> Iterator[Path]:
    """Yield what `freeze.py` has written beside the program."""
    yield from out.glob(f"undertext-{origins.version()}-{freeze.system()}.*.json")
    yield from out.glob(f"undertext-{origins.version()}-{freeze.system()}.files.txt")


def told(made: list[Path], out: Path) -> Iterator[str]:
    """Write the checksums of packages and lists; yield a line for each package, with its size."""
    for path in [*made, checksums([*made, *beside(out)], out)]:
        yield f"{path.stat().st_size / MB:7.1f} MB  {path}"

"""What is handed out beside the packages of any system: what `freeze.py` wrote of the program, and checksums."""

from collections.abc import Iterable, Iterator
from hashlib import file_digest
from pathlib import Path

import freeze
import origins

SUMS = "SHA256SUMS"


def checksums(made: Iterable[Path], out: Path) -> Path:
    """Write the checksums of what is to be handed out, as sha256sum reads them."""
    lines = []
    for path in sorted(made):
        with path.open("rb") as file:
            lines.append(f"{file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    sums = out / SUMS
    sums.write_bytes("".join(lines).encode())  # bytes: sha256sum reads no file that ends its lines as Windows does
    return sums


def beside(out: Path) -> Iterator[Path]:
    """Yield what `freeze.py` has written beside the program of this system, and the GPU pack that fits it."""
    end = f"{origins.version()}-{freeze.system()}"
    yield from out.glob(f"undertext-{end}.*.json")
    yield from out.glob(f"undertext-{end}.files.txt")
    yield from out.glob(f"undertext-gpu-{end}.*")


def told(made: Iterable[Path]) -> str:
    """Return what was made, and how large it is, as lines."""
    return "\n".join(f"{path.stat().st_size / 1_000_000:7.1f} MB  {path}" for path in made)

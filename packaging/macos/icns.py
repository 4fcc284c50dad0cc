"""The icon as macOS wants it: python packaging/macos/icns.py FILE.icns.

A container of PNGs, painted from assets/icon.svg where the program is frozen: no picture of it is kept.
"""

import struct
import sys
from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtSvg import QSvgRenderer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from make_icons import ASSETS, paint

# What stands in the container: its type, and the edge of its picture in pixels. Two of one edge are the picture of a
# size, and of half that size on a dense screen. The types for 16 and 32 points on other screens hold no PNG everywhere:
# macOS makes those from the larger ones.
KINDS = {
    "ic11": 32, "ic12": 64, "ic07": 128, "ic13": 256, "ic08": 256, "ic14": 512, "ic09": 512, "ic10": 1024,
}  # fmt: skip


def container(pictures: Mapping[int, bytes]) -> bytes:
    """Return an icns file.

    Args:
        pictures: PNGs by the edge of each in pixels; one of each edge in `KINDS`.
    """
    parts = b"".join(_part(kind, pictures[size_px]) for kind, size_px in KINDS.items())
    return _part("icns", parts)


def _part(kind: str, data: bytes) -> bytes:
    return struct.pack(">4sI", kind.encode("ascii"), 8 + len(data)) + data  # the length counts these eight bytes


def painted(size_px: int) -> bytes:
    """Return the icon as a PNG."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    paint(QSvgRenderer(str(ASSETS / "icon.svg")), size_px).save(buffer, "PNG")
    return bytes(buffer.data().data())


def main() -> None:
    """Write the file that is named."""
    path = Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(container({size_px: painted(size_px) for size_px in set(KINDS.values())}))


if __name__ == "__main__":
    main()

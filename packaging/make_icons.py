"""Paint assets/icon.svg as PNGs, for what cannot show an SVG, and as Windows' icon. Run `./run icons`."""

import struct
from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

ASSETS = Path(__file__).resolve().parent.parent / "assets"
SIZES_PX = (64, 256)
WINDOWS_PX = (16, 20, 24, 32, 40, 48, 64, 256)  # lists, bars and desktops, also where they are enlarged


def paint(icon: QSvgRenderer, size_px: int) -> QImage:
    """Return the icon as a square picture with a transparent ground."""
    image = QImage(size_px, size_px, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    icon.render(painter)
    painter.end()
    return image


def png(image: QImage) -> bytes:
    """Return a picture as the bytes of a PNG."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not image.save(buffer, "PNG"):
        raise OSError("Qt cannot write a PNG")
    return buffer.data().data()


def ico(pictures: Mapping[int, bytes]) -> bytes:
    """Return an icon as Windows has it: a folder of PNGs, which Windows reads since Vista.

    Args:
        pictures: PNGs by their size in pixels, up to 256.
    """
    at = 6 + 16 * len(pictures)
    head, body = struct.pack("<HHH", 0, 1, len(pictures)), b""
    for size_px, picture in sorted(pictures.items()):
        side = size_px % 256  # 256 is written as 0
        head += struct.pack("<BBBBHHII", side, side, 0, 0, 1, 32, len(picture), at + len(body))
        body += picture
    return head + body


def main() -> None:
    """Write one PNG a size, and Windows' icon, beside the icon."""
    icon = QSvgRenderer(str(ASSETS / "icon.svg"))
    for size_px in SIZES_PX:
        path = ASSETS / f"icon-{size_px}.png"
        if not paint(icon, size_px).save(str(path)):
            raise OSError(f"cannot write {path}")
        print(path)
    path = ASSETS / "icon.ico"
    path.write_bytes(ico({size_px: png(paint(icon, size_px)) for size_px in WINDOWS_PX}))
    print(path)


if __name__ == "__main__":
    main()

"""Paint assets/icon.svg as PNGs, for what cannot show an SVG. Run `./run icons`."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

ASSETS = Path(__file__).resolve().parent.parent / "assets"
SIZES_PX = (64, 256)


def paint(icon: QSvgRenderer, size_px: int) -> QImage:
    """Return the icon as a square picture with a transparent ground."""
    image = QImage(size_px, size_px, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    icon.render(painter)
    painter.end()
    return image


def main() -> None:
    """Write one PNG a size beside the icon."""
    icon = QSvgRenderer(str(ASSETS / "icon.svg"))
    for size_px in SIZES_PX:
        path = ASSETS / f"icon-{size_px}.png"
        if not paint(icon, size_px).save(str(path)):
            raise OSError(f"cannot write {path}")
        print(path)


if __name__ == "__main__":
    main()

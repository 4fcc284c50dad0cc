"""How lines of caption look: text on a background of its own per line, no gap between lines.

Committed words are white; unstable ones are paler and dotted underneath, in the same font, so that nothing shifts when
they settle. A line's text is drawn once into a pixmap and kept until the line changes.
"""

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QFontInfo,
    QFontMetricsF,
    QPainter,
    QPainterPath,
    QPixmap,
    QTextCharFormat,
    QTextLayout,
    QTextOption,
)

from desktop.caption_lines import Line
from desktop.settings import OverlaySettings

COMMITTED_COLOUR = QColor("#ffffff")
UNSTABLE_COLOUR = QColor("#cdd6e1")
BACKGROUND = QColor("#0b0e13")
_PADDING_EM = 0.5  # beside the text: BBC subtitle guidelines
_LEADING_EM = 0.12  # above and below it
_CORNER_EM = 0.24


class CaptionPainter:
    """Paints lines from the top left (or, right to left, top right) corner of a width.

    Args:
        settings: Font, size and opacity.
        ratio: Device pixels per pixel.

    Attributes:
        line_height: Of every line, in pixels.

    Thread: GUI.
    """

    def __init__(self, settings: OverlaySettings, ratio: float = 1.0) -> None:
        self._font = _font(settings)
        self._metrics = QFontMetricsF(self._font)
        self._em = QFontInfo(self._font).pixelSize()
        self._ratio = ratio
        self._background = QColor(BACKGROUND)
        self._background.setAlphaF(settings.opacity)
        self._kept: dict[int, tuple[Line, QPixmap]] = {}
        self.line_height = math.ceil(self._metrics.height() + 2 * _LEADING_EM * self._em)

    @property
    def padding(self) -> int:
        """Pixels between the text and the end of its background."""
        return round(_PADDING_EM * self._em)

    def measure(self, text: str) -> float:
        """Return how wide a text is, without padding."""
        return self._metrics.horizontalAdvance(text)

    def boxes(self, lines: Sequence[Line], width: int) -> list[QRect]:
        """Return the background of each line."""
        return [self._box(line, row, width) for row, line in enumerate(lines)]

    def paint(self, painter: QPainter, lines: Sequence[Line], width: int, dirty: QRect) -> None:
        """Paint the lines that touch `dirty`.

        Args:
            painter: Its origin is the top left corner.
            lines: From the top.
            width: Of the area, in pixels.
            dirty: In the painter's coordinates.
        """
        boxes = self.boxes(lines, width)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for row, (line, box) in enumerate(zip(lines, boxes, strict=True)):
            if box.intersects(dirty):
                painter.fillPath(self._outline(boxes, row), self._background)
                painter.drawPixmap(box.topLeft(), self._text(line, box))
        numbers = {line.number for line in lines}
        self._kept = {number: kept for number, kept in self._kept.items() if number in numbers}

    def _box(self, line: Line, row: int, width: int) -> QRect:
        wide = min(width, math.ceil(self.measure(line.text)) + 2 * self.padding)
        return QRect(width - wide if line.rtl else 0, row * self.line_height, wide, self.line_height)

    def _text(self, line: Line, box: QRect) -> QPixmap:
        kept = self._kept.get(line.number)
        if kept is not None and kept[0] == line:
            return kept[1]
        pixmap = QPixmap(box.size() * self._ratio)
        pixmap.setDevicePixelRatio(self._ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        layout = self._layout(line, box.width())
        top = (self.line_height - self._metrics.height()) / 2
        layout.draw(painter, QPointF(0, top))
        painter.end()
        self._kept[line.number] = (line, pixmap)
        return pixmap

    def _layout(self, line: Line, width: int) -> QTextLayout:
        option = QTextOption(Qt.AlignmentFlag.AlignLeft)
        option.setWrapMode(QTextOption.WrapMode.NoWrap)
        option.setTextDirection(Qt.LayoutDirection.RightToLeft if line.rtl else Qt.LayoutDirection.LeftToRight)
        layout = QTextLayout(line.text, self._font)
        layout.setTextOption(option)
        layout.setFormats(_formats(line))
        layout.beginLayout()
        row = layout.createLine()
        row.setLineWidth(width - 2 * self.padding)
        row.setPosition(QPointF(self.padding, 0))
        layout.endLayout()
        return layout

    def _outline(self, boxes: Sequence[QRect], row: int) -> QPainterPath:
        """Return a line's background; a corner is round unless the line next to it goes on there."""
        box = boxes[row]
        above = boxes[row - 1] if row > 0 else QRect()
        below = boxes[row + 1] if row + 1 < len(boxes) else QRect()
        corners = ((box.left(), above), (box.right(), above), (box.right(), below), (box.left(), below))
        radius = _CORNER_EM * self._em
        return _rounded(QRectF(box), *(0.0 if near.left() <= x <= near.right() else radius for x, near in corners))


def _font(settings: OverlaySettings) -> QFont:
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    if settings.font_family:
        font.setFamily(settings.font_family)
    font.setPointSize(settings.font_pt)
    font.setWeight(QFont.Weight.Medium)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    return font


def _formats(line: Line) -> list[QTextLayout.FormatRange]:
    """Return how each part of a line is written; Qt counts in 16-bit units."""
    unstable = line.unstable.lstrip()  # the space before it is not dotted
    settled = _length(line.text) - _length(unstable)
    return [
        _format(0, settled, COMMITTED_COLOUR),
        _format(settled, _length(unstable), UNSTABLE_COLOUR, dotted=True),
    ]


def _format(start: int, length: int, colour: QColor, *, dotted: bool = False) -> QTextLayout.FormatRange:
    part = QTextLayout.FormatRange()
    part.start, part.length = start, length
    looks = QTextCharFormat()
    looks.setForeground(colour)
    if dotted:
        looks.setUnderlineStyle(QTextCharFormat.UnderlineStyle.DotLine)
        looks.setUnderlineColor(colour)
    part.format = looks
    return part


def _length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _rounded(box: QRectF, top_left: float, top_right: float, bottom_right: float, bottom_left: float) -> QPainterPath:
    path = QPainterPath(QPointF(box.left() + top_left, box.top()))
    path.lineTo(box.right() - top_right, box.top())
    path.quadTo(box.topRight(), QPointF(box.right(), box.top() + top_right))
    path.lineTo(box.right(), box.bottom() - bottom_right)
    path.quadTo(box.bottomRight(), QPointF(box.right() - bottom_right, box.bottom()))
    path.lineTo(box.left() + bottom_left, box.bottom())
    path.quadTo(box.bottomLeft(), QPointF(box.left(), box.bottom() - bottom_left))
    path.lineTo(box.left(), box.top() + top_left)
    path.quadTo(box.topLeft(), QPointF(box.left() + top_left, box.top()))
    return path

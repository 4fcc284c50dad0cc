"""How lines of caption look: text on a background of its own per line, no gap between lines.

Committed words are white; unstable ones are paler and dotted underneath, in the same font, so that nothing shifts when
they settle. A line's text is drawn once into a pixmap and kept until the line changes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

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

from desktop.overlay.caption_lines import Line
from desktop.settings import OverlaySettings

COMMITTED_COLOUR = QColor("#ffffff")
UNSTABLE_COLOUR = QColor("#cdd6e1")
BACKGROUND = QColor("#0b0e13")
_PADDING_EM = 0.5  # beside the text: BBC subtitle guidelines
_LEADING_EM = 0.12  # above and below it
_CORNER_EM = 0.24


@dataclass(frozen=True, slots=True)
class LineLook:
    """Everything that decides how a line is painted, so that equal looks need no painting.

    Attributes:
        line: What it reads.
        box: Its background.
        corners: Radius of each, from the top left one clockwise; 0 where the line next to it goes on.
    """

    line: Line
    box: QRect
    corners: tuple[float, float, float, float]


class CaptionPainter:
    """Paints lines from the top left (or, right to left, top right) corner of a width.

    Args:
        settings: Font, size and opacity.

    Attributes:
        line_height: Of every line, in pixels.

    Thread: GUI.
    """

    def __init__(self, settings: OverlaySettings) -> None:
        self._font = _font(settings)
        self._metrics = QFontMetricsF(self._font)
        self._em = QFontInfo(self._font).pixelSize()
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

    def looks(self, lines: Sequence[Line], width: int) -> list[LineLook]:
        """Return how lines look in an area of a width, from the top."""
        boxes = [self._box(line, row, width) for row, line in enumerate(lines)]
        above, below = [QRect(), *boxes[:-1]], [*boxes[1:], QRect()]
        return [
            LineLook(line, box, self._corners(box, *near))
            for line, box, *near in zip(lines, boxes, above, below, strict=False)
        ]

    def paint(self, painter: QPainter, looks: Sequence[LineLook], dirty: QRect) -> None:
        """Paint the lines that touch `dirty`.

        Args:
            painter: Its origin is the top left corner of the area.
            looks: Of all lines that are seen; what is kept of others is forgotten.
            dirty: In the painter's coordinates.
        """
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for look in looks:
            if look.box.intersects(dirty):
                painter.fillPath(_rounded(QRectF(look.box), *look.corners), self._background)
                painter.drawPixmap(look.box.topLeft(), self._text(look, painter.device().devicePixelRatio()))
        numbers = {look.line.number for look in looks}
        self._kept = {number: kept for number, kept in self._kept.items() if number in numbers}

    def _box(self, line: Line, row: int, width: int) -> QRect:
        wide = min(width, math.ceil(self.measure(line.text)) + 2 * self.padding)
        return QRect(width - wide if line.rtl else 0, row * self.line_height, wide, self.line_height)

    def _text(self, look: LineLook, ratio: float) -> QPixmap:
        line, box = look.line, look.box
        kept = self._kept.get(line.number)
        if kept is not None and kept[0] == line and kept[1].devicePixelRatio() == ratio:
            return kept[1]
        pixmap = QPixmap(box.size() * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        with QPainter(pixmap) as painter:
            top = (self.line_height - self._metrics.height()) / 2
            self._layout(line, box.width()).draw(painter, QPointF(0, top))
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

    def _corners(self, box: QRect, above: QRect, below: QRect) -> tuple[float, float, float, float]:
        """Return the radii of a line's corners; one is square where the line next to it covers it."""
        radius = _CORNER_EM * self._em
        near = ((box.left(), above), (box.right(), above), (box.right(), below), (box.left(), below))
        first, second, third, fourth = (0.0 if other.left() <= x <= other.right() else radius for x, other in near)
        return first, second, third, fourth


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

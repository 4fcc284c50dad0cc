"""How a row of the transcript looks: the time in a column of its own, the text wrapped beside it, finds marked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QFont, QKeyEvent, QPainter, QPalette, QTextCharFormat, QTextCursor, QTextLayout, QTextOption
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from desktop import texts
from desktop.texts import tr
from desktop.windows.transcript_model import GAP_ROLE, TIME_ROLE

_Index = QModelIndex | QPersistentModelIndex
_MARGIN_X, _MARGIN_Y = 18, 7
_TIME_WIDTH = 74
_LINE_SPACING = 1.25
_EDITOR_PADDING = 6


@dataclass(frozen=True, slots=True)
class _Height:
    text: str
    width: int
    height: int


class TranscriptDelegate(QStyledItemDelegate):
    """Paints and measures rows; the height of a row is kept until its text or the width changes.

    Attributes:
        width: Of the view, in pixels; to be kept up to date by it.
        query: What is marked, or nothing.

    Thread: GUI.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.width = 400
        self.query = ""
        self._heights: dict[int, _Height] = {}

    def forget(self) -> None:
        """Measure everything anew."""
        self._heights.clear()

    def height(self, row: int, text: str, font: QFont) -> int:
        """Return how high a row is."""
        kept = self._heights.get(row)
        if kept is None or kept.width != self.width or kept.text != text:
            layout = self._layout(text, font)
            height = round(layout.boundingRect().height()) + 2 * _MARGIN_Y
            kept = self._heights[row] = _Height(text, self.width, height)
        return kept.height

    def _layout(self, text: str, font: QFont, marks: Sequence[QTextLayout.FormatRange] = ()) -> QTextLayout:
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout = QTextLayout(text, font)
        layout.setTextOption(option)
        layout.setFormats(marks)
        width = max(40, self.width - 2 * _MARGIN_X - _TIME_WIDTH)
        layout.beginLayout()
        y = 0.0
        while (line := layout.createLine()).isValid():
            line.setLineWidth(width)
            line.setPosition(QPointF(0, y))
            y += line.height() * _LINE_SPACING
        layout.endLayout()
        return layout

    def _finds(self, text: str, palette: QPalette) -> list[QTextLayout.FormatRange]:
        """Return the marks of what is sought; Qt counts in 16-bit units."""
        if not self.query:
            return []
        looks = QTextCharFormat()
        looks.setBackground(palette.brush(QPalette.ColorRole.Highlight))
        looks.setForeground(palette.brush(QPalette.ColorRole.HighlightedText))
        marks = []
        for match in re.finditer(re.escape(self.query), text, re.IGNORECASE):
            mark = QTextLayout.FormatRange()
            mark.start, mark.length = _units(text[: match.start()]), _units(match[0])
            mark.format = looks
            marks.append(mark)
        return marks

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Paint a row."""
        colours, rect = option.palette, option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, colours.brush(QPalette.ColorRole.AlternateBase))
        is_gap, text = index.data(GAP_ROLE), index.data()
        font = QFont(option.font)
        painter.setFont(font)
        painter.setPen(colours.color(QPalette.ColorRole.Dark))
        time_rect = QRect(rect.left() + _MARGIN_X, rect.top() + _MARGIN_Y, _TIME_WIDTH, rect.height())
        painter.drawText(time_rect, Qt.AlignmentFlag.AlignLeft, index.data(TIME_ROLE))
        font.setItalic(is_gap)
        layout = self._layout(text, font, self._finds(text, colours))
        painter.setPen(colours.color(QPalette.ColorRole.Dark if is_gap else QPalette.ColorRole.Text))
        layout.draw(painter, QPointF(time_rect.right() + 1, time_rect.top()))

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: _Index) -> QWidget:  # noqa: ARG002
        """Return where a row is corrected: its text, wrapped as it is read."""
        field = QPlainTextEdit(parent)
        field.setFrameShape(QFrame.Shape.NoFrame)
        field.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        field.setTabChangesFocus(True)
        field.setAccessibleName(tr(texts.CORRECT_TIP))
        return field

    def setEditorData(self, editor: QWidget, index: _Index) -> None:
        """Show what was heard."""
        if isinstance(editor, QPlainTextEdit):
            editor.setPlainText(index.data(Qt.ItemDataRole.EditRole))
            editor.moveCursor(QTextCursor.MoveOperation.End)

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: _Index) -> None:
        """Hand over what was written."""
        if isinstance(editor, QPlainTextEdit):
            model.setData(index, editor.toPlainText(), Qt.ItemDataRole.EditRole)

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: _Index) -> None:  # noqa: ARG002
        """Put it over the text, beside the time; with room for another line."""
        left = _MARGIN_X + _TIME_WIDTH - _EDITOR_PADDING
        spare = editor.fontMetrics().height()
        editor.setGeometry(option.rect.adjusted(left, 0, -_MARGIN_X + _EDITOR_PADDING, spare))

    def eventFilter(self, editor: QObject, event: QEvent) -> bool:
        """Save at Enter, as in a field of one line; Qt itself would begin another line."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and isinstance(editor, QWidget):
            is_enter = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
            if is_enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self.commitData.emit(editor)
                self.closeEditor.emit(editor)
                return True
        return super().eventFilter(editor, event)

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Return the size of a row."""
        return QSize(self.width, self.height(index.row(), index.data(), option.font))


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2

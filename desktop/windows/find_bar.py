"""A line to seek words with: what is sought, which find this is, the next and the one before."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from desktop import texts
from desktop.texts import tr
from desktop.windows.widgets import Button, label


class FindBar(QWidget):
    """The find bar.

    Signals:
        sought: str, what is sought now.
        went_to: int, the row to show.

    Thread: GUI.
    """

    sought = Signal(str)
    went_to = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[int] = []
        self._at = -1
        self._field = QLineEdit(placeholderText=tr(texts.FIND), clearButtonEnabled=True)
        self._field.setAccessibleName(tr(texts.FIND))
        self._count = label(role="dim")
        self._previous = Button("", "quiet", "up")
        self._next = Button("", "quiet", "chevron")
        for each, name in ((self._previous, texts.FIND_PREVIOUS), (self._next, texts.FIND_NEXT)):
            each.setAccessibleName(tr(name))
            each.setToolTip(tr(name))
            each.setFixedWidth(36)
        self._field.textChanged.connect(self.sought)
        self._field.returnPressed.connect(lambda: self.step(1))
        self._previous.clicked.connect(lambda: self.step(-1))
        self._next.clicked.connect(lambda: self.step(1))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget, stretch in ((self._field, 1), (self._count, 0), (self._previous, 0), (self._next, 0)):
            layout.addWidget(widget, stretch)
        self.show_finds([])

    @property
    def query(self) -> str:
        """What is sought."""
        return self._field.text()

    @property
    def count_text(self) -> str:
        """How many finds there are, as it reads."""
        return self._count.text()

    def begin(self) -> None:
        """Take the keyboard."""
        self._field.setFocus()
        self._field.selectAll()

    def go_to_first(self, rows: list[int]) -> None:
        """Show the finds of a new search, and the first of them."""
        self._at = -1
        self.show_finds(rows)
        self.step(1)

    def show_finds(self, rows: list[int]) -> None:
        """Show how many rows have what is sought by now."""
        self._rows, self._at = rows, min(self._at, len(rows) - 1)
        for each in (self._previous, self._next):
            each.setEnabled(bool(rows))
        self._show_count()

    def step(self, by: int) -> None:
        """Go to another find, round and round."""
        if self._rows:
            self._at = (self._at + by) % len(self._rows) if self._at >= 0 else (0 if by > 0 else len(self._rows) - 1)
            self.went_to.emit(self._rows[self._at])
            self._show_count()

    def _show_count(self) -> None:
        if not self.query:
            self._count.setText("")
        elif not self._rows:
            self._count.setText(tr(texts.FIND_NONE))
        else:
            self._count.setText(tr(texts.FIND_COUNT, index=max(self._at, 0) + 1, count=len(self._rows)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Clear by Escape."""
        if event.key() == Qt.Key.Key_Escape:
            self._field.clear()
        else:
            super().keyPressEvent(event)

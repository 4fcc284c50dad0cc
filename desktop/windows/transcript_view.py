"""The list of a transcript: follows the newest words until the reader scrolls up, copies, finds."""

import re
from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QListView

from desktop import texts
from desktop.texts import tr
from desktop.windows.transcript_delegate import TranscriptDelegate
from desktop.windows.transcript_model import TranscriptModel

_BATCH = 200  # rows laid out at once: a long session must not hold the window up


class TranscriptView(QListView):
    """Rows of a TranscriptModel.

    Signals:
        following_changed: bool, whether the newest words are kept in sight.

    Thread: GUI.
    """

    following_changed = Signal(bool)

    def __init__(self, model: TranscriptModel) -> None:
        super().__init__()
        self._model = model
        self._delegate = TranscriptDelegate(self)
        self._is_following = True
        self.setModel(model)
        self.setItemDelegate(self._delegate)
        self.setAccessibleName(tr(texts.TRANSCRIPT_TITLE))
        self.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        triggers = QListView.EditTrigger
        self.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setLayoutMode(QListView.LayoutMode.Batched)
        self.setBatchSize(_BATCH)
        model.dataChanged.connect(self._on_data_changed)
        model.modelReset.connect(self._on_reset)
        bar = self.verticalScrollBar()
        bar.valueChanged.connect(self._on_scrolled)
        bar.rangeChanged.connect(self._on_range_changed)

    @property
    def is_following(self) -> bool:
        """Whether the newest words are kept in sight."""
        return self._is_following

    def to_end(self) -> None:
        """Go to the newest words, and stay with them."""
        self.scrollToBottom()

    def copy(self) -> None:
        """Put the selected rows, or all of them, on the clipboard."""
        rows = [index.row() for index in self.selectedIndexes()] or list(range(self._model.rowCount()))
        QGuiApplication.clipboard().setText(self._model.plain_text(rows))

    def seek(self, query: str) -> list[int]:
        """Mark what is sought and return the rows that have it."""
        self._delegate.query = query
        self.viewport().update()
        if not query:
            return []
        pattern = re.compile(re.escape(query), re.IGNORECASE)
        return [row for row in range(self._model.rowCount()) if pattern.search(self._model.entry(row).shown)]

    def go_to(self, row: int) -> None:
        """Show and select a row."""
        self.setCurrentIndex(self._model.index(row))
        self.scrollTo(self._model.index(row), QListView.ScrollHint.PositionAtCenter)

    def _follow(self, *, on: bool) -> None:
        if on != self._is_following:
            self._is_following = on
            self.following_changed.emit(on)

    def _on_data_changed(self, first: QModelIndex, last: QModelIndex, roles: Sequence[int]) -> None:  # noqa: ARG002
        """Lay out anew only when a row became higher: the layout of a long list is dear."""
        entry = self._model.entry(first.row())
        if self._delegate.height(first.row(), entry.shown, self.font()) != self.visualRect(first).height():
            self._delegate.sizeHintChanged.emit(first)

    def _on_reset(self) -> None:
        self._delegate.forget()
        self._follow(on=True)

    def _on_scrolled(self, value: int) -> None:
        self._follow(on=value >= self.verticalScrollBar().maximum())

    def _on_range_changed(self, _low: int, high: int) -> None:
        if self._is_following:
            self.verticalScrollBar().setValue(high)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy whole rows by the usual key."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Wrap to the new width."""
        self._delegate.width = self.viewport().width()
        super().resizeEvent(event)
        self.scheduleDelayedItemsLayout()

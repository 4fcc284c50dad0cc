"""The running session's transcript as a list: one row a segment, whose text only grows, and one a gap."""

from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop import texts
from desktop.texts import tr
from engine.records import Caption, Gap
from engine.units import seconds

TIME_ROLE = Qt.ItemDataRole.UserRole
GAP_ROLE = Qt.ItemDataRole.UserRole + 1
_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Entry:
    """One row.

    Attributes:
        start: First sample.
        text: What was said, or why nothing was heard.
        is_gap: Nothing was captioned here.
    """

    start: int
    text: str
    is_gap: bool = False

    @property
    def time_text(self) -> str:
        """When it began, as hours, minutes and seconds."""
        minutes, second = divmod(int(seconds(self.start)), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{second:02}"


class TranscriptModel(QAbstractListModel):
    """Rows in the order in which they began to be said.

    Thread: GUI.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: list[Entry] = []
        self._rows: dict[int, int] = {}

    def reset(self) -> None:
        """Begin another session."""
        self.beginResetModel()
        self._entries, self._rows = [], {}
        self.endResetModel()

    def take_caption(self, caption: Caption) -> None:
        """Take what a caption commits; unstable words are not shown here."""
        text = caption.committed.strip()
        row = self._rows.get(caption.segment)
        if row is None:
            if text:
                self._rows[caption.segment] = len(self._entries)
                self._append(Entry(caption.start, text))
        elif len(text) > len(self._entries[row].text):
            self._entries[row] = replace(self._entries[row], text=text)
            self.dataChanged.emit(self.index(row), self.index(row))

    def take_gap(self, gap: Gap) -> None:
        """Show what was not captioned."""
        duration_s = seconds(gap.stop - gap.start)
        self._append(Entry(gap.start, tr(texts.GAP, duration_s=duration_s, reason=gap.reason), is_gap=True))

    def entry(self, row: int) -> Entry:
        """Return a row."""
        return self._entries[row]

    def plain_text(self, rows: list[int]) -> str:
        """Return rows as they are copied: the time, a tab, the text."""
        return "\n".join(f"{self._entries[row].time_text}\t{self._entries[row].text}" for row in sorted(rows))

    def _append(self, entry: Entry) -> None:
        row = len(self._entries)
        self.beginInsertRows(QModelIndex(), row, row)
        self._entries.append(entry)
        self.endInsertRows()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  (Qt's signature)
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self._entries)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a row's text, its time, whether it is a gap, or what a screen reader says."""
        entry = self._entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{entry.time_text} {entry.text}"
        return {TIME_ROLE: entry.time_text, GAP_ROLE: entry.is_gap}.get(role)

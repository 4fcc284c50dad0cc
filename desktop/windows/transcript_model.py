"""The running session's transcript as a list: one row a segment, whose text only grows, and one a gap."""

from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

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
        segment: Its number in the session; None of a gap.
        is_final: Nothing more comes of itself: it may be corrected.
    """

    start: int
    text: str
    is_gap: bool = False
    segment: int | None = None
    is_final: bool = False

    @property
    def shown(self) -> str:
        """What is read."""
        return self.text or tr(texts.NOBODY_SPOKE)

    @property
    def time_text(self) -> str:
        """When it began, as hours, minutes and seconds."""
        minutes, second = divmod(int(seconds(self.start)), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{second:02}"


class TranscriptModel(QAbstractListModel):
    """Rows in the order in which they began to be said.

    Signals:
        corrected: int, str: the person has written what was said in a segment.

    Thread: GUI.
    """

    corrected = Signal(int, str)

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
                self._append(Entry(caption.start, text, segment=caption.segment, is_final=caption.final))
        elif not (entry := self._entries[row]).is_final:
            longest = max(entry.text, text, key=len)
            self._replace(row, replace(entry, text=longest, is_final=caption.final))

    def take_gap(self, gap: Gap) -> None:
        """Show what was not captioned."""
        duration_s = seconds(gap.stop - gap.start)
        self._append(Entry(gap.start, tr(texts.GAP, duration_s=duration_s, reason=gap.reason), is_gap=True))

    def entry(self, row: int) -> Entry:
        """Return a row."""
        return self._entries[row]

    def plain_text(self, rows: list[int]) -> str:
        """Return rows as they are copied: the time, a tab, the text."""
        return "\n".join(f"{self._entries[row].time_text}\t{self._entries[row].shown}" for row in sorted(rows))

    def _append(self, entry: Entry) -> None:
        row = len(self._entries)
        self.beginInsertRows(QModelIndex(), row, row)
        self._entries.append(entry)
        self.endInsertRows()

    def _replace(self, row: int, entry: Entry) -> None:
        before, self._entries[row] = self._entries[row], entry
        if entry.text != before.text:
            self.dataChanged.emit(self.index(row), self.index(row))

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  (Qt's signature)
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self._entries)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a row's text, its time, whether it is a gap, or what a screen reader says."""
        entry = self._entries[index.row()]
        told: dict[int, Any] = {
            Qt.ItemDataRole.DisplayRole: entry.shown,
            Qt.ItemDataRole.EditRole: entry.text,
            Qt.ItemDataRole.AccessibleTextRole: f"{entry.time_text} {entry.shown}",
            Qt.ItemDataRole.ToolTipRole: tr(texts.CORRECT_TIP) if entry.is_final else None,
            TIME_ROLE: entry.time_text,
            GAP_ROLE: entry.is_gap or not entry.text,
        }
        return told.get(role)

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Let a row be corrected once it is final; of a gap there is nothing to say."""
        flags = super().flags(index)
        is_final = index.isValid() and self._entries[index.row()].is_final
        return flags | Qt.ItemFlag.ItemIsEditable if is_final else flags

    def setData(self, index: _Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Take what a person writes instead of a row; an empty text says that nobody spoke."""
        entry, text = self._entries[index.row()], " ".join(str(value).split())
        if role != Qt.ItemDataRole.EditRole or entry.segment is None or text == entry.text:
            return False
        self._replace(index.row(), replace(entry, text=text))
        self.corrected.emit(entry.segment, text)
        return True

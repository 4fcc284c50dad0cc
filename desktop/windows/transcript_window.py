"""The transcript of the running session: read along, find, copy, export."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QStackedLayout, QVBoxLayout, QWidget

from desktop import texts
from desktop.settings import TranscriptSettings
from desktop.system.background import Background
from desktop.texts import tr
from desktop.windows.find_bar import FindBar
from desktop.windows.theme import app_icon
from desktop.windows.transcript_model import TranscriptModel
from desktop.windows.transcript_view import TranscriptView
from desktop.windows.widgets import Banner, Button, Paragraph, Switch, label, line
from engine.errors import EngineError
from engine.records import Caption, Gap
from engine.transcript.export import FORMATS, write
from engine.transcript.records import Transcript

_SIZE = (640, 560)


class TranscriptWindow(QWidget):
    """The window.

    Signals:
        corrected: int, str: the user has written what was said in a segment.
        keep_sound_switched: bool, for the sessions to come.
        closed: The user closed it.

    Args:
        read: Returns the session's transcript from its journal; called in the background.

    Thread: GUI.
    """

    corrected = Signal(int, str)
    keep_sound_switched = Signal(bool)
    closed = Signal()

    def __init__(self, read: Callable[[], Transcript]) -> None:
        super().__init__()
        self.setObjectName("window")
        self.setWindowTitle(tr(texts.TRANSCRIPT_TITLE))
        self.setWindowIcon(app_icon())
        self._read = read
        self._model = TranscriptModel(self)
        self.view = TranscriptView(self._model)
        self.find_bar = FindBar()
        self._empty = label(tr(texts.TRANSCRIPT_EMPTY), "dim")
        self._banner = Banner()
        self._copy = Button(tr(texts.COPY))
        self._export = Button(tr(texts.EXPORT), "primary")
        self._to_end = Button(tr(texts.TO_END), picture="chevron")
        self._keep_sound = Switch(tr(texts.KEEP_SOUND), tr(texts.KEEP_SOUND_HELP))
        self._keep_sound.setToolTip(tr(texts.KEEP_SOUND_TIP))
        self._exporting = Background(self)
        self._connect()
        self._lay_out()
        self.resize(*_SIZE)
        self._offer()

    def begin(self) -> None:
        """Begin another session: the page is empty again."""
        self._model.reset()
        self._offer()

    def take_caption(self, caption: Caption) -> None:
        """Take what a caption commits."""
        self._model.take_caption(caption)
        if caption.words:
            self._offer()

    def take_gap(self, gap: Gap) -> None:
        """Show what was not captioned."""
        self._model.take_gap(gap)
        self._offer()

    def show_settings(self, transcripts: TranscriptSettings) -> None:
        """Show how things are set, without telling it back."""
        with QSignalBlocker(self._keep_sound):
            self._keep_sound.setChecked(transcripts.keep_sound)

    def export(self, kind: str, path: Path) -> None:
        """Write the transcript to a file, in the background."""
        self._exporting.run(lambda: write(self._read(), kind, path))

    def _connect(self) -> None:
        menu = QMenu(self)
        for kind in FORMATS:
            menu.addAction(tr(texts.EXPORT_AS, format=kind.upper()), partial(self._ask_where, kind))
        self._export.setMenu(menu)
        self._copy.clicked.connect(self.view.copy)
        self._to_end.clicked.connect(self.view.to_end)
        self.view.following_changed.connect(self._offer)
        self.find_bar.sought.connect(self._on_sought)
        self.find_bar.went_to.connect(self.view.go_to)
        self._model.corrected.connect(self.corrected)
        self._keep_sound.toggled.connect(self.keep_sound_switched)
        self._exporting.done.connect(self._on_exported)
        self._exporting.failed.connect(self._on_failed)
        QShortcut(QKeySequence.StandardKey.Find, self, self.find_bar.begin)
        QShortcut(QKeySequence.StandardKey.FindNext, self, lambda: self.find_bar.step(1))
        QShortcut(QKeySequence.StandardKey.FindPrevious, self, lambda: self.find_bar.step(-1))
        QShortcut(QKeySequence.StandardKey.Close, self, self.close)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(10)
        for widget, stretch in ((self.find_bar, 1), (self._copy, 0), (self._export, 0)):
            top.addWidget(widget, stretch)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._pages = QStackedLayout()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self.view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 20)
        layout.setSpacing(14)
        layout.addLayout(top)
        layout.addWidget(self._banner)
        layout.addLayout(self._pages, 1)
        layout.addWidget(self._to_end, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addLayout(self._keeping())
        self._empty.setFocus()

    def _keeping(self) -> QVBoxLayout:
        keeping = QVBoxLayout()
        keeping.setSpacing(4)
        for widget in (line(), self._keep_sound, Paragraph(tr(texts.KEEP_SOUND_HELP), "dim")):
            keeping.addWidget(widget)
        return keeping

    def _offer(self) -> None:
        """Offer what makes sense now."""
        has_rows = self._model.rowCount() > 0
        self._pages.setCurrentIndex(1 if has_rows else 0)
        if self._empty.hasFocus() and has_rows:
            self.view.setFocus()
        self._copy.setEnabled(has_rows)
        self._export.setEnabled(has_rows)
        self._to_end.setVisible(has_rows and not self.view.is_following)
        if self.find_bar.query:
            self.find_bar.show_finds(self.view.seek(self.find_bar.query))

    def _ask_where(self, kind: str) -> None:
        dialog = QFileDialog(self, tr(texts.EXPORT_AS, format=kind.upper()))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(kind)
        dialog.selectFile(f"{tr(texts.TRANSCRIPT_TITLE)}.{kind}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.export(kind, Path(name)))
        dialog.open()

    def _on_sought(self, query: str) -> None:
        self.find_bar.go_to_first(self.view.seek(query))

    def _on_exported(self, path: Path) -> None:
        self._banner.tell(tr(texts.EXPORTED, name=path.name), str(path.parent))

    def _on_failed(self, error: EngineError) -> None:
        self._banner.tell(str(error), error.hint)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell that the user closed it."""
        super().closeEvent(event)
        self.closed.emit()

"""The main window: what to listen to, start and stop, and how it is going.

It knows no session: it tells what the user wants by signals, and shows what it is told.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from PySide6.QtCore import QSignalBlocker, QSize, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from desktop import texts
from desktop.capture.hosts import Device
from desktop.settings import EngineChoice, OverlaySettings
from desktop.texts import tr
from desktop.windows.about_menu import AboutMenu
from desktop.windows.model_menu import ModelMenu
from desktop.windows.session_panel import SessionPanel
from desktop.windows.source_picker import SourcePicker
from desktop.windows.theme import app_icon
from desktop.windows.update_notice import UpdateNotice
from desktop.windows.widgets import Banner, Button, Paragraph, Switch, label, line
from engine.records import Caption, Failure, State, StateChange, Stats

_WIDTH = 420


class Controls(QWidget):
    """The main window.

    Signals:
        start_wanted: str, the source to listen to.
        pause_wanted, resume_wanted, stop_wanted: Of the running session.
        source_chosen: str.
        engine_chosen: EngineChoice.
        overlay_switched: bool, captions on the screen.
        click_through_switched: bool.
        transcript_wanted: The button was pressed.
        closed: The user closed the window.

    Args:
        stats: The session's newest snapshot.
        models: Names of the models on this machine, and whether each can translate.
        has_gpu: Whether there is a graphics card to choose.

    Attributes:
        about: The menu of the program itself.
        update_notice: The line that tells of a newer version.

    Thread: GUI.
    """

    start_wanted = Signal(str)
    pause_wanted = Signal()
    resume_wanted = Signal()
    stop_wanted = Signal()
    source_chosen = Signal(str)
    engine_chosen = Signal(object)
    overlay_switched = Signal(bool)
    click_through_switched = Signal(bool)
    transcript_wanted = Signal()
    closed = Signal()

    def __init__(
        self,
        stats: Callable[[], Stats],
        models: Callable[[], Mapping[str, bool]],
        has_gpu: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__()
        self.setObjectName("window")
        self.setWindowTitle(tr(texts.APP_NAME))
        self.setWindowIcon(app_icon())
        self.about = AboutMenu()
        self.update_notice = UpdateNotice()
        self._banner = Banner()
        self._model = ModelMenu(models, has_gpu)
        self._picker = SourcePicker()
        self._no_device = Paragraph(tr(texts.NO_DEVICE), "dim")
        self._panel = SessionPanel(stats)
        self._overlay = Switch(tr(texts.SHOW_OVERLAY), tr(texts.SHOW_OVERLAY_TIP))
        self._click_through = Switch(tr(texts.CLICK_THROUGH), tr(texts.CLICK_THROUGH_TIP))
        self._transcript = Button(tr(texts.TRANSCRIPT), picture="transcript")
        self._connect()
        self._lay_out()

    @property
    def state_text(self) -> str:
        """The state line as it reads."""
        return self._panel.state_text

    @property
    def banner_text(self) -> str:
        """What the banner says; nothing when there is none."""
        return self._banner.text if self._banner.isVisibleTo(self) else ""

    def show_state(self, change: StateChange) -> None:
        """Show what the session is doing."""
        self._panel.show_state(change)
        if change.state is State.LISTENING:
            self._banner.hide()

    def show_starting(self, *, is_starting: bool) -> None:
        """Take no other Start while a session begins."""
        self._panel.show_starting(is_starting=is_starting)

    def show_failure(self, failure: Failure) -> None:
        """Show an error until it is dismissed or sound is heard again."""
        self.show_notice(failure.message, failure.hint)

    def show_notice(self, title: str, body: str) -> None:
        """Show what happened and what to do about it."""
        self._banner.tell(_sentence(title), body)

    def show_model(self, name: str, *, on_gpu: bool = False) -> None:
        """Show which model listens, and whether on the graphics card."""
        self._model.show_model(name, on_gpu=on_gpu)

    def show_language(self, caption: Caption) -> None:
        """Show in which language a caption is."""
        self._model.show_heard(caption.language)

    def show_devices(self, devices: Sequence[Device]) -> None:
        """Show what can be captured; with nothing, say what to do."""
        self._picker.show_devices(devices)
        self._no_device.setVisible(not devices)

    def show_settings(self, overlay: OverlaySettings, source: str, engine: EngineChoice) -> None:
        """Show how things are set, without telling it back."""
        for switch, on in ((self._overlay, overlay.visible), (self._click_through, overlay.click_through)):
            with QSignalBlocker(switch):
                switch.setChecked(on)
        self._picker.choose(source)
        self._model.show_choice(engine)

    def _connect(self) -> None:
        self._panel.start_wanted.connect(lambda: self.start_wanted.emit(self._picker.spec))
        self._panel.pause_wanted.connect(self.pause_wanted)
        self._panel.resume_wanted.connect(self.resume_wanted)
        self._panel.stop_wanted.connect(self.stop_wanted)
        self._picker.chosen.connect(self.source_chosen)
        self._model.chosen.connect(self.engine_chosen)
        self._overlay.toggled.connect(self.overlay_switched)
        self._click_through.toggled.connect(self.click_through_switched)
        self._transcript.clicked.connect(self.transcript_wanted)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 24)
        layout.setSpacing(16)
        layout.addLayout(self._head())
        layout.addWidget(self._banner)
        layout.addLayout(self._source())
        layout.addWidget(self._panel)
        layout.addLayout(self._switches())
        layout.addStretch(1)
        layout.addWidget(self._transcript)
        layout.addWidget(self.update_notice)
        # Not the window's own minimum: the head must be able to widen it, for a long name of a model.
        margins = layout.contentsMargins()
        layout.addStrut(_WIDTH - margins.left() - margins.right())
        # Tab goes from top to bottom, as the eye does.
        upper = (self._model, self.about, self._picker, *self._panel.buttons)
        lower = (self._overlay, self._click_through, self._transcript, *self.update_notice.buttons)
        order: tuple[QWidget, ...] = (*upper, *lower)
        for before, after in pairwise(order):
            self.setTabOrder(before, after)
        self._no_device.hide()

    def _head(self) -> QHBoxLayout:
        picture = QLabel()
        picture.setPixmap(app_icon().pixmap(QSize(34, 34), self.devicePixelRatio()))
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(picture)
        head.addWidget(label(tr(texts.APP_NAME), "title"), 1)
        head.addWidget(self._model)
        head.addWidget(self.about)
        return head

    def _source(self) -> QVBoxLayout:
        name = label(tr(texts.LISTEN_TO), "label")
        name.setBuddy(self._picker)
        source = QVBoxLayout()
        source.setSpacing(6)
        source.addWidget(name)
        source.addWidget(self._picker)
        source.addWidget(self._no_device)
        return source

    def _switches(self) -> QVBoxLayout:
        switches = QVBoxLayout()
        switches.setSpacing(2)
        switches.addWidget(self._overlay)
        switches.addWidget(line())
        switches.addWidget(self._click_through)
        return switches

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell that the user closed the window."""
        super().closeEvent(event)
        self.closed.emit()


def _sentence(text: str) -> str:
    """Return a message as a sentence starts: with a capital."""
    return text[:1].upper() + text[1:]

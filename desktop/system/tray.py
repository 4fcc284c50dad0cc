"""The icon beside the clock, and its menu; where the system has no place for one, nothing is shown or missed."""

from typing import Any

from PySide6.QtCore import QObject, QSignalBlocker, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from desktop import texts
from desktop.settings import OverlaySettings
from desktop.texts import tr
from desktop.windows.session_panel import RESTING, RUNNING
from desktop.windows.theme import app_icon
from engine.records import State, StateChange


class Tray(QObject):
    """Tray icon and menu.

    Signals:
        window_wanted: Show the main window, or hide it.
        start_wanted, pause_wanted, resume_wanted, stop_wanted: Of the session.
        overlay_switched: bool.
        click_through_switched: bool: the way back once clicks pass through.
        quit_wanted: End the program.

    Thread: GUI.
    """

    window_wanted = Signal()
    start_wanted = Signal()
    pause_wanted = Signal()
    resume_wanted = Signal()
    stop_wanted = Signal()
    overlay_switched = Signal(bool)
    click_through_switched = Signal(bool)
    quit_wanted = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.menu = QMenu()
        self._icon = QSystemTrayIcon(app_icon(), self)
        self._icon.setToolTip(tr(texts.APP_NAME))
        self._icon.setContextMenu(self.menu)
        self._icon.activated.connect(self._on_activated)
        self._fill()
        self.show_state(StateChange(State.IDLE))
        self._icon.setVisible(self.is_available)

    @property
    def is_available(self) -> bool:
        """Whether the system has a place for it."""
        return QSystemTrayIcon.isSystemTrayAvailable()

    def show_state(self, change: StateChange) -> None:
        """Offer what can be done now."""
        self._start.setEnabled(change.state in RESTING)
        self._pause.setVisible(change.state is not State.PAUSED)
        self._pause.setEnabled(change.state in RUNNING)
        self._resume.setVisible(change.state is State.PAUSED)
        self._stop.setEnabled(change.state in RUNNING)

    def show_settings(self, overlay: OverlaySettings) -> None:
        """Show how things are set, without telling it back."""
        for action, on in ((self._overlay, overlay.visible), (self._click_through, overlay.click_through)):
            with QSignalBlocker(action):
                action.setChecked(on)

    def hide(self) -> None:
        """Take the icon away."""
        self._icon.hide()

    def _fill(self) -> None:
        add = self.menu.addAction
        add(tr(texts.SHOW_WINDOW), self.window_wanted.emit)
        self.menu.addSeparator()
        self._start = add(tr(texts.START), self.start_wanted.emit)
        self._pause = add(tr(texts.PAUSE), self.pause_wanted.emit)
        self._resume = add(tr(texts.RESUME), self.resume_wanted.emit)
        self._stop = add(tr(texts.STOP), self.stop_wanted.emit)
        self.menu.addSeparator()
        self._overlay = self._switch(tr(texts.SHOW_OVERLAY), self.overlay_switched)
        self._click_through = self._switch(tr(texts.CLICK_THROUGH), self.click_through_switched)
        self.menu.addSeparator()
        add(tr(texts.QUIT), self.quit_wanted.emit)

    def _switch(self, text: str, switched: Any) -> QAction:
        action = self.menu.addAction(text)
        action.setCheckable(True)
        action.toggled.connect(switched)
        return action

    def _on_activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason == QSystemTrayIcon.ActivationReason.Trigger:
            self.window_wanted.emit()

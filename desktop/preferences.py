"""The settings while the program runs: what changes them says so here, what shows them hears of it; saved soon."""

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.settings import AppSettings, EngineChoice, OverlaySettings, UpdateSettings, WindowSettings
from desktop.settings_file import SettingsFile
from engine.errors import SettingsError

_SAVE_AFTER_MS = 500  # a window that is dragged is saved once


class Preferences(QObject):
    """The settings in use.

    Signals:
        overlay_changed: OverlaySettings.
        engine_changed: EngineChoice.
        failed: SettingsError; they could not be saved.

    Args:
        settings: As they were loaded.
        file: Where they are saved.

    Thread: GUI.
    """

    overlay_changed = Signal(object)
    engine_changed = Signal(object)
    failed = Signal(object)

    def __init__(self, settings: AppSettings, file: SettingsFile, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._file = file
        self._later = QTimer(self, singleShot=True, interval=_SAVE_AFTER_MS)
        self._later.timeout.connect(self.save)

    @property
    def current(self) -> AppSettings:
        """As they are now."""
        return self._settings

    def set_overlay(self, overlay: OverlaySettings) -> None:
        """Change how the captions look and behave."""
        if overlay != self._settings.overlay:
            self._change(overlay=overlay)
            self.overlay_changed.emit(overlay)

    def show_overlay(self, *, visible: bool) -> None:
        """Show the captions on the screen, or hide them."""
        self.set_overlay(replace(self._settings.overlay, visible=visible))

    def set_click_through(self, *, on: bool) -> None:
        """Let clicks pass through the captions, or not."""
        self.set_overlay(replace(self._settings.overlay, click_through=on))

    def set_source(self, spec: str) -> None:
        """Remember what is listened to."""
        self._change(source=replace(self._settings.source, spec=spec))

    def set_engine(self, engine: EngineChoice) -> None:
        """Change which model listens, and for which language."""
        if engine != self._settings.engine:
            self._change(engine=engine)
            self.engine_changed.emit(engine)

    def keep_sound(self, *, on: bool) -> None:
        """Keep the sound of the sessions to come, or not."""
        self._change(transcripts=replace(self._settings.transcripts, keep_sound=on))

    def look_for_updates(self, *, on: bool) -> None:
        """Ask for a newer version from the next start on, or not."""
        self.set_updates(replace(self._settings.updates, look=on))

    def set_updates(self, updates: UpdateSettings) -> None:
        """Remember what is known of newer versions."""
        self._change(updates=updates)

    def set_window(self, window: WindowSettings) -> None:
        """Remember where the windows stand."""
        self._change(window=window)

    def save(self) -> bool:
        """Save now; return whether that was possible."""
        self._later.stop()
        try:
            self._file.save(self._settings)
        except SettingsError as error:
            self.failed.emit(error)
            return False
        return True

    def _change(self, **changes: Any) -> None:
        self._settings = replace(self._settings, **changes)
        self._later.start()

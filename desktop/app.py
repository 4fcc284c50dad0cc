"""The program with its windows: builds every part, and makes every connection in one list.

Closing the main window leaves the program in the tray; where there is no tray, it ends it.
"""

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from PySide6.QtCore import QLoggingCategory, QObject
from PySide6.QtWidgets import QApplication, QWidget

from desktop import headless, paths, texts
from desktop.assets import DEMO_CLIP
from desktop.bridge import Bridge
from desktop.capture import devices
from desktop.overlay.overlay import Overlay
from desktop.preferences import Preferences
from desktop.settings import AppSettings, Place, remembered
from desktop.settings_file import Loaded, SettingsFile
from desktop.system import placement, platforms
from desktop.system.crash import CrashHooks
from desktop.system.device_watch import DeviceWatch
from desktop.system.log import start_log
from desktop.system.quit_signals import QuitSignals
from desktop.system.tray import Tray
from desktop.system.update_watch import UpdateWatch
from desktop.texts import tr
from desktop.updates.publisher import PUBLISHER, Publisher
from desktop.windows.controls import Controls
from desktop.windows.session_panel import RESTING, RUNNING
from desktop.windows.source_picker import DEMO
from desktop.windows.theme import Theme, app_icon
from desktop.windows.transcript_window import TranscriptWindow
from desktop.wiring import Engine, has_gpu, models_here, open_session
from engine.audio.sources import AudioSource, FileSource, Pacer
from engine.errors import EngineError
from engine.records import Failure, State, StateChange
from engine.settings import EngineSettings
from engine.transcript.library import Library

_LOG = logging.getLogger(__name__)
_JOIN_S = 5.0  # how long the engine may take for its last words at the end


def run() -> int:
    """Show the windows until the user quits; without a screen, show in the terminal what they would show."""
    if not platforms.has_screen(os.environ):
        return headless.run()
    start_log(paths.logs())
    platforms.choose_qt_platform(os.environ)
    # A language whose script has no font here is a name in boxes in one menu, and no reason for 300 lines in the log.
    QLoggingCategory.setFilterRules("qt.text.font.db.warning=false")
    qt = QApplication(sys.argv[:1])
    qt.setApplicationName(texts.APP_NAME)
    qt.setDesktopFileName("undertext")
    qt.setWindowIcon(app_icon())
    qt.setQuitOnLastWindowClosed(False)
    hooks = CrashHooks(paths.logs())
    app = App(qt)
    app.start()
    code = qt.exec()
    ended = app.end()
    hooks.remove()
    if not ended:
        # A native decode that is not done would abort the program instead, and Qt wait for a publisher that does not
        # answer. What was said is on disk.
        logging.shutdown()
        os._exit(code)
    return code


class App(QObject):
    """Every part of the program, and what passes between them.

    Args:
        qt: Qt's own.
        make_engine: From the settings.
        open_source: From a source's name.
        publisher: Whom to ask for a newer version, where a person wants it.

    Thread: GUI.
    """

    def __init__(
        self,
        qt: QApplication,
        *,
        make_engine: Callable[[AppSettings], Engine] | None = None,
        open_source: Callable[[str], AudioSource] | None = None,
        publisher: Publisher = PUBLISHER,
    ) -> None:
        super().__init__()
        self._qt = qt
        self._open_source = open_source or source_of
        file = SettingsFile(paths.settings_file())
        self._loaded = file.load()
        settings = self._loaded.settings
        self.theme = Theme(qt)
        self._make_engine = make_engine or engine_for
        self.engine = self._make_engine(settings)
        self.bridge = Bridge(self)
        self.preferences = preferences = Preferences(settings, file, self)
        self.session = open_session(
            lambda: self.engine,
            self.bridge.send,
            paths.transcripts(),
            keeps_sound=lambda: preferences.current.transcripts.keep_sound,
        )
        self.devices = DeviceWatch(devices.list_devices, self)
        self.overlay = Overlay(settings.overlay)
        self.updates = UpdateWatch(publisher, preferences, self)
        self.controls = Controls(self.session.stats, lambda: models_here(self.engine.store), has_gpu)
        self.transcript = TranscriptWindow(
            lambda: Library(paths.transcripts()).read(self.session.transcript_id or "last")
        )
        self.tray = Tray(self)
        self.signals = QuitSignals(self)
        self._state = State.IDLE
        self._is_starting = False
        self._connect()

    def _connect(self) -> None:
        """Make every connection of the program."""
        bridge, controls, overlay, tray = self.bridge, self.controls, self.overlay, self.tray
        preferences, session, transcript = self.preferences, self.session, self.transcript

        # What the engine says, to those who show it.
        bridge.caption_changed.connect(overlay.captions.show_caption)
        bridge.caption_changed.connect(transcript.take_caption)
        bridge.caption_changed.connect(controls.show_language)
        bridge.gap_found.connect(transcript.take_gap)
        bridge.state_changed.connect(controls.show_state)
        bridge.state_changed.connect(tray.show_state)
        bridge.state_changed.connect(self._on_state_changed)
        bridge.failed.connect(controls.show_failure)
        bridge.failed.connect(self._show_model)

        # What the user wants of the session.
        controls.start_wanted.connect(self._on_start_wanted)
        tray.start_wanted.connect(lambda: self._on_start_wanted(preferences.current.source.spec))
        for window in (controls, tray):
            window.pause_wanted.connect(session.pause)
            window.resume_wanted.connect(session.resume)
            window.stop_wanted.connect(session.stop)

        transcript.corrected.connect(session.correct)

        # What the user sets.
        transcript.keep_sound_switched.connect(lambda on: preferences.keep_sound(on=on))
        controls.source_chosen.connect(preferences.set_source)
        controls.engine_chosen.connect(preferences.set_engine)
        preferences.engine_changed.connect(self._on_engine_changed)
        for window in (controls, tray):
            window.overlay_switched.connect(lambda on: preferences.show_overlay(visible=on))
            window.click_through_switched.connect(lambda on: preferences.set_click_through(on=on))
        overlay.settings_changed.connect(preferences.set_overlay)
        preferences.overlay_changed.connect(overlay.apply)
        preferences.overlay_changed.connect(self._show_settings)
        preferences.failed.connect(lambda error: controls.show_notice(str(error), error.hint))
        self.devices.changed.connect(controls.show_devices)

        # Newer versions.
        controls.about.look_switched.connect(lambda on: preferences.look_for_updates(on=on))
        self.updates.found.connect(controls.update_notice.tell)
        controls.update_notice.dismissed.connect(self.updates.dismiss)
        controls.update_notice.page_wanted.connect(self.updates.open_page)

        # Windows come and go.
        controls.transcript_wanted.connect(lambda: _bring(transcript))
        overlay.controls_wanted.connect(self._show_controls)
        tray.window_wanted.connect(self._on_window_wanted)
        controls.closed.connect(self._on_controls_closed)
        tray.quit_wanted.connect(self._qt.quit)
        self.signals.arrived.connect(self._qt.quit)

    def start(self) -> None:
        """Show the windows, and load the model before it is needed."""
        window = self.preferences.current.window
        _put_back(self.controls, window.controls)
        _put_back(self.transcript, window.transcript)
        self._show_settings()
        self._show_controls()
        self.overlay.setVisible(self.preferences.current.overlay.visible)
        _tell_faults(self._loaded, self.controls)
        self.session.prepare()
        self.updates.begin(time.time())

    def end(self) -> bool:
        """Take the windows away, save the settings, let the engine finish its words; return whether nothing goes on."""
        self._remember_windows()
        for window in (self.controls, self.transcript, self.overlay, self.tray):
            window.hide()
        self.devices.watch(on=False)
        self.preferences.save()
        self.signals.remove()
        ended = self.session.close(_JOIN_S)
        if not ended:
            _LOG.error("the engine did not end within %s s", _JOIN_S)
        return ended and not self.updates.is_asking

    def _show_settings(self) -> None:
        settings = self.preferences.current
        self.controls.show_settings(settings.overlay, settings.source.spec, settings.engine)
        self.tray.show_settings(settings.overlay)
        self.transcript.show_settings(settings.transcripts)
        self.controls.about.show_settings(settings.updates, can_look=self.updates.can_ask)

    def _show_controls(self) -> None:
        _bring(self.controls)
        self.devices.watch(on=True)
        self._show_hint()

    def _show_hint(self) -> None:
        """While nothing is captioned and the user is at the controls, show where captions will stand."""
        is_wanted = self._state in RESTING and self.controls.isVisible()
        self.overlay.captions.show_hint(tr(texts.OVERLAY_EMPTY) if is_wanted else "")

    def _remember_windows(self) -> None:
        here = placement.screens_key(placement.current_screens())
        window = self.preferences.current.window
        self.preferences.set_window(
            replace(
                window,
                controls=remembered(window.controls, here, placement.to_place(self.controls.geometry())),
                transcript=remembered(window.transcript, here, placement.to_place(self.transcript.geometry())),
            )
        )

    def _on_start_wanted(self, spec: str) -> None:
        try:
            source = self._open_source(spec)
        except EngineError as error:
            self.controls.show_failure(Failure(type(error).__name__, str(error), error.hint))
            return
        self.transcript.begin()
        self.overlay.captions.reset()
        self._set_starting(is_starting=True)
        self.session.start(source)

    def _set_starting(self, *, is_starting: bool) -> None:
        self._is_starting = is_starting
        self.controls.show_starting(is_starting=is_starting)

    def _on_engine_changed(self) -> None:
        """Load what was chosen; what runs goes on with it, in a new transcript."""
        self.engine = self._make_engine(self.preferences.current)
        if self._is_starting or self._state in RUNNING:
            self._on_start_wanted(self.preferences.current.source.spec)
        else:
            self.session.prepare()

    def _on_state_changed(self, change: StateChange) -> None:
        was_loading, self._state = self._state is State.LOADING, change.state
        if change.state in {State.LISTENING, State.FAILED}:
            self._set_starting(is_starting=False)
        if was_loading and change.state is not State.FAILED:
            self._show_model()
        if change.state in RESTING:
            self.overlay.captions.finish()
        self._show_hint()

    def _show_model(self) -> None:
        if self.engine.is_loaded:
            self.controls.show_model(self.engine.installed.name, on_gpu=self.engine.is_on_gpu)

    def _on_window_wanted(self) -> None:
        if self.controls.isVisible() and not self.controls.isMinimized():
            self.controls.close()
        else:
            self._show_controls()

    def _on_controls_closed(self) -> None:
        self.devices.watch(on=False)
        self._show_hint()
        if not self.tray.is_available:
            self._qt.quit()


def engine_for(settings: AppSettings) -> Engine:
    """Return the engine that the user chose."""
    choice = settings.engine
    wanted = EngineSettings(
        language=choice.language, task=choice.task, vocabulary=choice.vocabulary, device=choice.device
    )
    return Engine(wanted, choice.model or None)


def source_of(spec: str) -> AudioSource:
    """Return the sound that a name means.

    Raises:
        NoInputDevice: The machine lacks it.
    """
    return FileSource(DEMO_CLIP, pacer=Pacer()) if spec == DEMO else devices.open_source(spec)


def _put_back(window: QWidget, places: Mapping[str, Place]) -> None:
    screens = placement.current_screens()
    rect = placement.remembered_rect(places, screens)
    if rect is not None:
        window.setGeometry(placement.into_sight(rect, placement.areas(screens)))


def _bring(window: QWidget) -> None:
    """Show a window in front of the others."""
    window.showNormal() if window.isMinimized() else window.show()
    window.raise_()
    window.activateWindow()


def _tell_faults(loaded: Loaded, controls: Controls) -> None:
    for name in loaded.replaced:
        _LOG.warning("the setting %s could not be used; its default is", name)
    if loaded.broken:
        instead = tr(texts.SETTINGS_BACKUP if loaded.from_backup else texts.SETTINGS_DEFAULT)
        controls.show_notice(tr(texts.SETTINGS_BROKEN), tr(texts.SETTINGS_ASIDE, name=loaded.broken, instead=instead))

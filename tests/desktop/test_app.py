"""The whole program: once in this process with a scripted recogniser, once as a person starts it."""

import os
import signal
import threading
from functools import cached_property
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QPushButton

from desktop.app import App, engine_for, source_of
from desktop.assets import DEMO_CLIP
from desktop.settings import AppSettings, EngineChoice, UpdateSettings
from desktop.settings_file import SettingsFile
from desktop.updates.publisher import PUBLISHER
from desktop.wiring import Engine
from engine.audio.sources import FileSource
from engine.errors import CudaUnavailable, ModelMissing, NoInputDevice
from engine.models.checks import Trust
from engine.models.installed import InstalledModel
from engine.records import State, StateChange, Word
from engine.transcript.library import Library
from engine.units import samples
from engine.whisper.ladder import GRAPHICS_CARD, PROCESSOR, LadderRecognizer, Lost, Rung
from engine.whisper.recognizer import Context, FailingRecognizer, ScriptedRecognizer
from tests.desktop.updates.publishing import PAGE, publishing, tells
from tests.screen import screen, wait_for

SCRIPT = [Word(f" word{index}", samples(1 + index), samples(1.5 + index), 0.9) for index in range(12)]
SLOW_MS = 20_000  # a limit, not a wait


class ScriptedEngine(Engine):
    """An engine whose model is a script."""

    @cached_property
    def installed(self):
        return InstalledModel(Path(), "scripted", None, Context.SHORT, True, Trust.UNKNOWN, "here")

    @cached_property
    def recognizer(self):
        return ScriptedRecognizer(SCRIPT)


class FailingGpuEngine(ScriptedEngine):
    """An engine whose graphics card fails at the third window."""

    @cached_property
    def recognizer(self):
        failed = CudaUnavailable("NVIDIA L4 failed: CUDA error: unspecified launch failure")
        faults = iter([None, None, failed])
        hears = ScriptedRecognizer(SCRIPT)
        rungs = [
            Rung("scripted", GRAPHICS_CARD, lambda: FailingRecognizer(hears, lambda _: next(faults))),
            Rung("scripted", PROCESSOR, lambda: hears),
        ]
        return LadderRecognizer(rungs, self._pass_on, lost=Lost())


class ModellessEngine(Engine):
    """An engine on a machine without a model."""

    @cached_property
    def installed(self):
        raise ModelMissing("the model tiny.en is not on this machine", hint="Fetch it.")


@pytest.fixture
def make_app(qtbot, qapp, tmp_path, monkeypatch):
    monkeypatch.setenv("UNDERTEXT_HOME", str(tmp_path))
    made = []

    def make(engine=ScriptedEngine, open_source=lambda _spec: FileSource(DEMO_CLIP), publisher=PUBLISHER):
        app = App(qapp, make_engine=lambda _settings: engine(), open_source=open_source, publisher=publisher)
        made.append(app)
        app.start()
        return app

    yield make
    for app in made:
        app.end()
        qapp.setStyleSheet("")


def is_ready(app):
    return lambda: app.controls.state_text == "Ready"


def test_a_whole_session_reaches_the_overlay_the_transcript_and_the_disk(qtbot, make_app, tmp_path):
    app = make_app()
    qtbot.waitUntil(lambda: app.controls._model.text() == "scripted", timeout=SLOW_MS)
    shown = set()
    app.bridge.caption_changed.connect(lambda _: shown.update(app.overlay.captions.shown))
    app.controls.start_wanted.emit("demo")
    qtbot.waitUntil(lambda: app._state is State.LISTENING, timeout=SLOW_MS)
    qtbot.waitUntil(is_ready(app), timeout=SLOW_MS)
    transcript = " ".join(app.transcript._model.entry(row).text for row in range(app.transcript._model.rowCount()))
    on_disk = " ".join(segment.text for segment in Library(tmp_path / "transcripts").read("last").segments)
    assert transcript.split() == on_disk.split()
    assert len(transcript.split()) > 5
    assert set(transcript.split()) <= {word.text.strip() for word in SCRIPT}
    assert {word for line in shown for word in line.committed.split()} <= set(transcript.split()) | {
        "Captions",
        "appear",
        "here",
    }


@pytest.mark.parametrize("wanted", [False, True])
def test_sound_is_kept_when_it_is_switched_on_and_a_correction_reaches_the_disk(qtbot, make_app, tmp_path, wanted):
    app = make_app()
    if wanted:
        app.transcript._keep_sound.click()
    app.controls.start_wanted.emit("demo")
    qtbot.waitUntil(lambda: app._state is State.LISTENING, timeout=SLOW_MS)
    qtbot.waitUntil(is_ready(app), timeout=SLOW_MS)
    kept = [path.suffix for path in (tmp_path / "transcripts").iterdir()]
    assert sorted(kept) == ([".flac", ".jsonl"] if wanted else [".jsonl"])
    model = app.transcript._model
    assert model.setData(model.index(0), "Something else.")
    library = Library(tmp_path / "transcripts")
    qtbot.waitUntil(lambda: library.read("last").segments[0].corrected)
    assert library.read("last").segments[0].text == "Something else."
    app.preferences.save()
    assert SettingsFile(tmp_path / "settings.json").load().settings.transcripts.keep_sound is wanted


def test_a_graphics_card_that_fails_is_told_and_costs_no_words(qtbot, make_app, tmp_path):
    app = make_app(engine=FailingGpuEngine)
    qtbot.waitUntil(lambda: app.controls._model.text() == "scripted · GPU", timeout=SLOW_MS)
    told = []
    app.bridge.failed.connect(told.append)
    app.controls.start_wanted.emit("demo")
    qtbot.waitUntil(lambda: app._state is State.LISTENING, timeout=SLOW_MS)
    qtbot.waitUntil(is_ready(app), timeout=SLOW_MS)
    (failure,) = told
    assert (failure.kind, failure.fatal) == ("CudaUnavailable", False)
    assert app.controls.banner_text.startswith("The graphics card failed: captions now come from scripted on the ")
    assert "GPU" not in app.controls._model.text()
    assert app.session.stats().fallback == "scripted on the processor"
    on_disk = " ".join(segment.text for segment in Library(tmp_path / "transcripts").read("last").segments)
    assert on_disk.split() == [word.text.strip() for word in SCRIPT][: len(on_disk.split())]
    assert len(on_disk.split()) > 5


def nothing(_spec):
    raise NoInputDevice("there is no sound device", hint="Connect a microphone.")


def test_a_source_that_is_not_there_is_told_in_a_banner(qtbot, make_app):
    app = make_app(open_source=nothing)
    app.controls.start_wanted.emit("mic")
    assert app.controls.banner_text == "There is no sound device Connect a microphone."


def test_another_model_or_language_is_loaded_at_once_and_remembered(qtbot, make_app, tmp_path):
    app = make_app()
    qtbot.waitUntil(is_ready(app), timeout=SLOW_MS)
    before = app.engine
    with qtbot.waitSignal(app.bridge.state_changed, timeout=SLOW_MS) as told:
        app.controls.engine_chosen.emit(EngineChoice(model="base", language="de"))
    assert told.args == [StateChange(State.LOADING)]
    assert app.engine is not before
    app.preferences.save()
    assert SettingsFile(tmp_path / "settings.json").load().settings.engine == EngineChoice(model="base", language="de")


def start_button(app):
    return next(each for each in app.controls.findChildren(QPushButton) if each.text() == "Start")


@pytest.fixture
def loads():
    """Set to let an engine that is slow load its model."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def slow_engine(loads):
    class SlowEngine(ScriptedEngine):
        @cached_property
        def recognizer(self):
            loads.wait(SLOW_MS / 1000)
            return ScriptedRecognizer(SCRIPT)

    return SlowEngine


def test_start_is_taken_once_while_the_model_is_loaded_wherever_it_was_pressed(qtbot, make_app, loads, slow_engine):
    app = make_app(engine=slow_engine)
    start = start_button(app)
    qtbot.waitUntil(lambda: "Loading" in app.controls.state_text, timeout=SLOW_MS)
    assert start.isEnabled()
    app.tray.start_wanted.emit()
    assert not start.isEnabled()
    loads.set()
    qtbot.waitUntil(lambda: "Listening" in app.controls.state_text, timeout=SLOW_MS)
    app.session.stop()
    qtbot.waitUntil(start.isEnabled, timeout=SLOW_MS)


def test_a_source_that_is_not_there_leaves_start_as_it_was(qtbot, make_app, loads, slow_engine):
    app = make_app(engine=slow_engine, open_source=nothing)
    start = start_button(app)
    qtbot.waitUntil(lambda: "Loading" in app.controls.state_text, timeout=SLOW_MS)
    start.click()
    assert app.controls.banner_text
    assert start.isEnabled()


def test_a_model_that_is_chosen_while_one_is_loaded_starts_nothing(qtbot, make_app, loads, slow_engine):
    app = make_app(engine=slow_engine)
    states = []
    app.bridge.state_changed.connect(lambda change: states.append(change.state))
    qtbot.waitUntil(lambda: states == [State.LOADING], timeout=SLOW_MS)
    app.controls.engine_chosen.emit(EngineChoice(model="base"))
    loads.set()
    qtbot.waitUntil(lambda: states.count(State.IDLE) == 2, timeout=SLOW_MS)
    assert set(states) == {State.LOADING, State.IDLE}


def test_without_a_model_it_says_how_to_get_one(qtbot, make_app):
    app = make_app(engine=ModellessEngine)
    qtbot.waitUntil(lambda: "Fetch it." in app.controls.banner_text, timeout=SLOW_MS)


def test_switches_reach_overlay_tray_and_disk(qtbot, make_app, tmp_path):
    app = make_app()
    app.controls.click_through_switched.emit(True)
    assert app.preferences.current.overlay.click_through
    assert app.tray._click_through.isChecked()
    app.tray.overlay_switched.emit(False)
    assert not app.overlay.isVisible()
    app.preferences.save()
    saved = SettingsFile(tmp_path / "settings.json").load().settings
    assert saved.overlay.click_through
    assert not saved.overlay.visible


def test_a_broken_settings_file_is_told_and_the_program_starts(make_app, tmp_path):
    (tmp_path / "settings.json").write_text("{")
    assert "set aside as settings.json.broken" in make_app().controls.banner_text


def test_windows_come_back_where_they_were(qtbot, make_app, qapp, tmp_path):
    first = make_app()
    first.controls.setGeometry(120, 90, 480, 600)
    first.end()
    assert make_app().controls.geometry().topLeft().toTuple() == (120, 90)


def test_a_hint_shows_where_captions_will_stand_until_they_do(qtbot, make_app):
    app = make_app()
    qtbot.waitUntil(is_ready(app), timeout=SLOW_MS)
    assert [line.text for line in app.overlay.captions.shown] == ["Captions appear here"]
    app._on_state_changed(StateChange(State.LISTENING))
    assert app.overlay.captions.shown == ()


class Browser(QObject):
    """Where Qt sends addresses instead of a browser."""

    def __init__(self):
        super().__init__()
        self.opened = []

    @Slot(QUrl)
    def open(self, url):
        self.opened.append(url.toString())


@pytest.fixture
def browser():
    made = Browser()
    QDesktopServices.setUrlHandler("https", made, "open")
    yield made
    QDesktopServices.unsetUrlHandler("https")


@pytest.fixture
def server():
    with publishing() as server:
        server.answer = tells("9.0")
        yield server


def saved_updates(tmp_path):
    return SettingsFile(tmp_path / "settings.json").load().settings.updates


def test_unless_it_is_switched_on_nobody_is_asked_for_a_newer_version(qtbot, make_app, server, tmp_path):
    app = make_app(publisher=server.publisher)
    app.controls.start_wanted.emit("demo")
    qtbot.waitUntil(lambda: app._state is State.LISTENING, timeout=SLOW_MS)
    qtbot.waitUntil(is_ready(app), timeout=SLOW_MS)
    app.end()
    assert not app.updates.is_asking
    assert server.asked == []
    assert saved_updates(tmp_path) == UpdateSettings()


def test_once_it_is_switched_on_the_next_start_tells_of_a_newer_version(qtbot, make_app, server, browser, tmp_path):
    first = make_app(publisher=server.publisher)
    first.controls.about.look_switched.emit(True)
    first.end()
    assert server.asked == []
    second = make_app(publisher=server.publisher)
    qtbot.waitUntil(lambda: second.controls.update_notice.text == "Undertext 9.0 is there.", timeout=SLOW_MS)
    assert browser.opened == []
    second.controls.update_notice.page_wanted.emit()
    assert browser.opened == [PAGE]
    second.end()
    third = make_app(publisher=server.publisher)
    assert third.controls.update_notice.text == "Undertext 9.0 is there."
    assert len(server.asked) == 1
    third.controls.update_notice.dismissed.emit()
    third.end()
    assert make_app(publisher=server.publisher).controls.update_notice.text == ""


def test_a_publisher_that_does_not_answer_is_in_the_way_of_nothing(qtbot, make_app, server, tmp_path):
    server.answer, server.trickles = b"", b""
    SettingsFile(tmp_path / "settings.json").save(AppSettings(updates=UpdateSettings(look=True)))
    app = make_app(publisher=server.publisher)
    app.controls.start_wanted.emit("demo")
    qtbot.waitUntil(lambda: len(server.asked) == 1, timeout=SLOW_MS)
    qtbot.waitUntil(lambda: app.transcript._model.rowCount() > 0, timeout=SLOW_MS)
    qtbot.waitUntil(lambda: not app.updates.is_asking, timeout=SLOW_MS)
    assert (app.controls.banner_text, app.controls.update_notice.text) == ("", "")


def test_the_end_of_the_program_does_not_wait_for_a_publisher(qtbot, make_app, server, tmp_path):
    server.answer, server.trickles = b"", b""
    SettingsFile(tmp_path / "settings.json").save(AppSettings(updates=UpdateSettings(look=True)))
    app = make_app(publisher=server.publisher)
    qtbot.waitUntil(is_ready(app), timeout=SLOW_MS)
    assert not app.end()
    server.closing.set()
    qtbot.waitUntil(lambda: not app.updates.is_asking, timeout=SLOW_MS)
    assert app.end()


def test_the_engine_is_the_one_that_was_chosen():
    engine = engine_for(AppSettings(engine=EngineChoice(model="base", language="de", device="cpu")))
    assert (engine.model, engine.settings.language, engine.settings.device) == ("base", "de", "cpu")


def test_the_demo_is_a_source():
    assert isinstance(source_of("demo"), FileSource)


@pytest.mark.screen
@pytest.mark.model
def test_as_a_person_starts_it_it_shows_itself_and_ends_cleanly_when_asked(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import sys, main\nprint('begun', flush=True)\nsys.exit(main.main([]))\n")
    with screen("openbox") as shown:
        shown.environ["UNDERTEXT_HOME"] = str(tmp_path / "home")
        with shown.child(program) as child:
            assert child.line() == "begun"
            wait_for(lambda: shown.run("xdotool", "search", "--onlyvisible", "--name", "^Undertext$"), "the window")
            os.kill(child.pid, signal.SIGTERM)
            assert child.wait() == 0
        assert (tmp_path / "home" / "settings.json").exists()

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QComboBox

from desktop.capture.hosts import Device, Kind
from desktop.settings import EngineChoice, OverlaySettings
from desktop.windows.controls import Controls
from desktop.windows.widgets import LevelMeter
from engine.records import Failure, Level, State, StateChange, Stats

SPEAKER = Device("s1", "Speakers", Kind.SYSTEM, default=True, rate=48_000, channels=2)
HEADSET = Device("m1", "Headset", Kind.MICROPHONE, default=True, rate=48_000, channels=1)
WEBCAM = Device("m2", "Webcam", Kind.MICROPHONE, default=False, rate=48_000, channels=1)
ALL = [SPEAKER, HEADSET, WEBCAM]


class Snapshot:
    """What a session would answer, and how often it was asked."""

    def __init__(self):
        self.stats, self.pulls = Stats(level_db=-20.0, lag_s=0.62), 0

    def __call__(self):
        self.pulls += 1
        return self.stats


@pytest.fixture
def snapshot():
    return Snapshot()


@pytest.fixture
def controls(qtbot, snapshot):
    made = Controls(snapshot, lambda: {"tiny.en": False, "base": True})
    qtbot.addWidget(made)
    made.show_devices(ALL)
    with qtbot.waitExposed(made):
        made.show()
    return made


def button(controls, text):
    (found,) = [each for each in controls.findChildren(QAbstractButton) if each.text() == text]
    return found


def offered(controls):
    return {each.text() for each in controls.findChildren(QAbstractButton) if each.isVisible() and each.isEnabled()}


def sources(controls):
    picker = controls.findChild(QComboBox)
    return {picker.itemData(index): picker.itemText(index) for index in range(picker.count())}


def choose(controls, spec):
    picker = controls.findChild(QComboBox)
    picker.setCurrentIndex(picker.findData(spec))
    picker.activated.emit(picker.currentIndex())


def test_every_source_can_be_chosen_each_device_where_there_are_several(controls):
    assert sources(controls) == {
        "system": "What this computer plays",
        "mic": "Microphone",
        "mic:m1": "Microphone: Headset",
        "mic:m2": "Microphone: Webcam",
        "demo": "Built-in demo clip",
    }


def test_start_says_which_source(qtbot, controls):
    choose(controls, "mic:m2")
    with qtbot.waitSignal(controls.start_wanted) as wanted:
        button(controls, "Start").click()
    assert wanted.args == ["mic:m2"]


def test_a_choice_stays_when_its_device_goes_and_comes(qtbot, controls):
    choose(controls, "mic:m2")
    controls.show_devices([SPEAKER, HEADSET])
    controls.show_devices(ALL)
    with qtbot.waitSignal(controls.start_wanted) as wanted:
        button(controls, "Start").click()
    assert wanted.args == ["mic:m2"]


def test_without_any_device_it_says_what_to_do_and_offers_the_clip(qtbot, controls):
    controls.show_devices([])
    assert list(sources(controls)) == ["demo"]
    assert any(
        "doctor" in child.text() for child in controls.findChildren(type(controls._no_device)) if child.isVisible()
    )


@pytest.mark.parametrize(
    ("state", "buttons", "line"),
    [
        (State.IDLE, {"Start"}, "Ready"),
        (State.LOADING, {"Start"}, "Loading the model …"),
        (State.LISTENING, {"Pause", "Stop"}, "Listening"),
        (State.PAUSED, {"Resume", "Stop"}, "Paused"),
        (State.RECOVERING, {"Pause", "Stop"}, "The sound is gone; waiting for it …"),
        (State.STOPPING, set(), "Finishing the last words …"),
        (State.FAILED, {"Start"}, "Stopped by a fault"),
    ],
)
def test_each_state_offers_what_can_be_done(controls, state, buttons, line):
    controls.show_state(StateChange(state))
    assert offered(controls) & {"Start", "Pause", "Resume", "Stop"} == buttons
    assert controls.state_text == line


def test_the_state_line_tells_the_delay_while_listening(qtbot, controls):
    controls.show_state(StateChange(State.LISTENING))
    qtbot.waitUntil(lambda: controls.state_text == "Listening · 0.6 s behind")
    assert controls.findChild(LevelMeter).lit > 0


@pytest.mark.parametrize(
    ("stats", "said"),
    [
        (Stats(level=Level.GREEDY), "This computer is busy: captions are a little less exact."),
        (Stats(level=Level.SLOWER), "This computer is slow: captions come less often."),
        (
            Stats(level=Level.SLOWER, skipped_s=12.3),
            "This computer is slow: captions come less often. 12 s were left out.",
        ),
        (Stats(level=Level.LIGHTER), "This computer is slow: a smaller model listens."),
        (Stats(fallback="tiny.en on the processor"), "Captions come from tiny.en on the processor."),
        (
            Stats(level=Level.SLOWER, fallback="tiny on the processor"),
            "Captions come from tiny on the processor. This computer is slow: captions come less often.",
        ),
    ],
)
def test_a_slow_computer_is_told_of_until_it_keeps_up_again(qtbot, controls, snapshot, stats, said):
    controls.show_state(StateChange(State.LISTENING))
    snapshot.stats = stats
    qtbot.waitUntil(lambda: said in controls.state_text)
    slow = controls._panel._slow
    qtbot.waitUntil(lambda: slow.isVisible() and slow.height() >= slow.heightForWidth(slow.width()))
    snapshot.stats = Stats()
    qtbot.waitUntil(lambda: said not in controls.state_text)
    assert not slow.isVisible()


def test_nothing_is_pulled_while_nothing_is_heard(qtbot, controls, snapshot):
    controls.show_state(StateChange(State.LISTENING))
    qtbot.waitUntil(lambda: snapshot.pulls > 1)
    controls.show_state(StateChange(State.IDLE))
    assert not controls._panel._pull.isActive()
    assert controls.findChild(LevelMeter).lit == 0


def test_pause_and_resume_are_one_button(qtbot, controls):
    controls.show_state(StateChange(State.LISTENING))
    with qtbot.waitSignal(controls.pause_wanted):
        button(controls, "Pause").click()
    controls.show_state(StateChange(State.PAUSED))
    with qtbot.waitSignal(controls.resume_wanted):
        button(controls, "Resume").click()


def test_a_failure_is_told_with_its_mend_and_can_be_dismissed(controls):
    controls.show_failure(Failure("ModelMissing", "the model x is not on this machine", "Fetch it.", fatal=True))
    assert controls.banner_text == "The model x is not on this machine Fetch it."
    (dismiss,) = controls._banner.findChildren(QAbstractButton)
    dismiss.click()
    assert controls.banner_text == ""


def test_a_failure_goes_when_sound_is_heard_again(controls):
    controls.show_failure(Failure("DeviceLost", "gone"))
    controls.show_state(StateChange(State.LISTENING))
    assert controls.banner_text == ""


def test_a_long_failure_is_seen_whole(qtbot, controls):
    controls.show_failure(Failure("X", "what happened " * 20, "what to do " * 20))
    qtbot.waitUntil(lambda: all(part.height() >= part.heightForWidth(part.width()) for part in banner_parts(controls)))


def banner_parts(controls):
    return [controls._banner._title, controls._banner._body]


def test_switches_tell_only_what_the_user_does(qtbot, controls):
    with qtbot.assertNotEmitted(controls.overlay_switched), qtbot.assertNotEmitted(controls.click_through_switched):
        controls.show_settings(OverlaySettings(visible=True, click_through=True), "mic", EngineChoice())
    with qtbot.waitSignal(controls.click_through_switched) as told:
        QTest.mouseClick(button(controls, "Clicks pass through"), Qt.MouseButton.LeftButton)
    assert told.args == [False]


def test_every_widget_that_takes_the_keyboard_has_a_name(controls):
    takers = [*controls.findChildren(QAbstractButton), *controls.findChildren(QComboBox)]
    assert all(each.accessibleName() for each in takers)


def test_tab_goes_from_top_to_bottom(qtbot, controls):
    controls.activateWindow()
    first = controls.findChild(QComboBox)
    first.setFocus()
    visited = [first]
    for _ in range(4):
        QTest.keyClick(controls.focusWidget(), Qt.Key.Key_Tab)
        visited.append(controls.focusWidget())
    heights = [each.mapToGlobal(each.rect().center()).y() for each in visited]
    assert heights == sorted(heights)


def test_the_keyboard_stays_with_the_buttons_when_they_change(controls):
    controls.activateWindow()
    button(controls, "Start").setFocus()
    controls.show_state(StateChange(State.LOADING))
    controls.show_state(StateChange(State.LISTENING))
    assert controls.focusWidget().text() == "Pause"


def test_the_name_of_a_model_is_never_cut_off(qtbot, controls):
    controls.show_model("a-very-long-name-of-a-model-that-somebody-gave-it", on_gpu=True)
    qtbot.waitUntil(lambda: controls._model.width() >= controls._model.sizeHint().width())


def test_start_is_taken_while_the_model_is_loaded_but_for_one_that_begins(qtbot, controls):
    controls.show_state(StateChange(State.LOADING))
    with qtbot.waitSignal(controls.start_wanted):
        button(controls, "Start").click()
    controls.show_starting(is_starting=True)
    assert "Start" not in offered(controls)
    for state in (State.IDLE, State.LOADING):  # what was loaded beforehand is ready, and the session begins
        controls.show_state(StateChange(state))
    assert "Start" not in offered(controls)
    controls.show_starting(is_starting=False)
    assert "Start" in offered(controls)


def test_while_a_session_begins_the_keyboard_is_on_nothing_that_can_be_pressed(controls):
    controls.activateWindow()
    button(controls, "Start").setFocus()
    controls.show_starting(is_starting=True)
    controls.show_state(StateChange(State.LOADING))
    assert not isinstance(controls.focusWidget(), QAbstractButton)
    controls.show_state(StateChange(State.IDLE))
    assert controls.focusWidget().text() == "Start"

import pytest

from desktop.settings import OverlaySettings
from desktop.system.tray import Tray
from engine.records import State, StateChange


@pytest.fixture
def tray(qapp):
    made = Tray()
    yield made
    made.hide()


def action(tray, text):
    (found,) = [each for each in tray.menu.actions() if each.text() == text]
    return found


def offered(tray):
    return {each.text() for each in tray.menu.actions() if each.isVisible() and each.isEnabled() and each.text()}


ALWAYS = {"Open Undertext", "Captions on the screen", "Clicks pass through", "Quit"}


@pytest.mark.parametrize(
    ("state", "more"),
    [
        (State.IDLE, {"Start"}),
        (State.LISTENING, {"Pause", "Stop"}),
        (State.PAUSED, {"Resume", "Stop"}),
        (State.LOADING, set()),
    ],
)
def test_the_menu_offers_what_can_be_done(tray, state, more):
    tray.show_state(StateChange(state))
    assert offered(tray) == ALWAYS | more


@pytest.mark.parametrize(
    ("text", "signal"), [("Start", "start_wanted"), ("Open Undertext", "window_wanted"), ("Quit", "quit_wanted")]
)
def test_the_menu_tells_what_is_wanted(qtbot, tray, text, signal):
    with qtbot.waitSignal(getattr(tray, signal)):
        action(tray, text).trigger()


def test_clicks_are_had_back_from_the_menu(qtbot, tray):
    with qtbot.assertNotEmitted(tray.click_through_switched):
        tray.show_settings(OverlaySettings(click_through=True))
    with qtbot.waitSignal(tray.click_through_switched) as told:
        action(tray, "Clicks pass through").trigger()
    assert told.args == [False]


def test_without_a_system_tray_nothing_is_missed(tray):
    assert not tray.is_available  # the offscreen platform has none

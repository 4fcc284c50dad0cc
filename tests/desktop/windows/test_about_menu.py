import pytest

from desktop.settings import UpdateSettings
from desktop.version import VERSION
from desktop.windows.about_menu import AboutMenu


@pytest.fixture
def about(qtbot):
    made = AboutMenu()
    qtbot.addWidget(made)
    return made


def entries(about):
    return {action.text(): action for action in about.menu().actions() if action.text()}


def switch(about):
    return entries(about)["Look for a newer version once a day"]


def test_it_names_the_version(about):
    assert list(entries(about)) == [f"Undertext {VERSION}", "Look for a newer version once a day"]


def test_it_is_off_until_somebody_switches_it_on(qtbot, about):
    about.show_settings(UpdateSettings(), can_look=True)
    assert not switch(about).isChecked()
    with qtbot.waitSignal(about.look_switched) as told:
        switch(about).trigger()
    assert told.args == [True]


def test_it_tells_only_what_the_user_does(qtbot, about):
    with qtbot.assertNotEmitted(about.look_switched):
        about.show_settings(UpdateSettings(look=True), can_look=True)
    assert switch(about).isChecked()


@pytest.mark.parametrize("look", [False, True])
def test_without_an_address_it_says_so_and_can_only_be_turned_off(about, look):
    about.show_settings(UpdateSettings(look=look), can_look=False)
    assert switch(about).toolTip() == "This Undertext knows no address to ask."
    assert switch(about).isEnabled() == look
    if look:
        switch(about).trigger()
    assert not switch(about).isEnabled()

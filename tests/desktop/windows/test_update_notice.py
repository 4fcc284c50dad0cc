import pytest

from desktop.windows.update_notice import UpdateNotice


@pytest.fixture
def notice(qtbot):
    made = UpdateNotice()
    qtbot.addWidget(made)
    return made


def test_it_is_not_there_until_there_is_something_to_say(notice):
    assert (notice.isHidden(), notice.text) == (True, "")
    notice.tell("0.2.0")
    assert (notice.isHidden(), notice.text) == (False, "Undertext 0.2.0 is there.")


def test_a_version_takes_the_place_of_the_one_before(notice):
    notice.tell("0.2.0")
    notice.tell("0.3.0")
    assert notice.text == "Undertext 0.3.0 is there."


def test_its_page_is_wanted_only_on_a_click(qtbot, notice):
    with qtbot.assertNotEmitted(notice.page_wanted):
        notice.tell("0.2.0")
    with qtbot.waitSignal(notice.page_wanted):
        notice.buttons[0].click()
    assert notice.text


def test_it_goes_when_it_is_dismissed(qtbot, notice):
    notice.tell("0.2.0")
    with qtbot.waitSignal(notice.dismissed):
        notice.buttons[1].click()
    assert notice.text == ""

import logging

import pytest

from desktop.preferences import Preferences
from desktop.settings import AppSettings, UpdateSettings
from desktop.settings_file import SettingsFile
from desktop.system.update_watch import UpdateWatch
from desktop.updates.daily import DAY_S
from desktop.updates.publisher import Publisher
from tests.desktop.updates.publishing import PAGE, page, publishing, tells

NOW_S = 1_700_000_000.5
ON = UpdateSettings(look=True)


@pytest.fixture
def server():
    with publishing() as server:
        server.answer = tells("0.2.0")
        yield server


@pytest.fixture
def begun(qtbot, qapp, server, tmp_path):
    """Begin the program of a person at a moment, and wait until nobody is asked any more; return what was told."""
    file = SettingsFile(tmp_path / "settings.json")

    def begin(now_s=NOW_S, publisher=server.publisher, mine="0.1.0"):
        watch = UpdateWatch(publisher, Preferences(file.load().settings, file), mine=mine)
        told = []
        watch.found.connect(told.append)
        watch.begin(now_s)
        qtbot.waitUntil(lambda: not watch.is_asking)
        watch._preferences.save()
        return told

    return begin


@pytest.fixture
def kept(tmp_path):
    """Return what is kept, or keep something else."""
    file = SettingsFile(tmp_path / "settings.json")

    def kept(updates=None):
        if updates:
            file.save(AppSettings(updates=updates))
        return file.load().settings.updates

    return kept


def test_nobody_is_asked_unless_it_is_switched_on(begun, kept, server):
    assert [begun(NOW_S + day * DAY_S) for day in range(3)] == [[], [], []]
    assert (server.asked, kept()) == ([], UpdateSettings())


def test_a_newer_version_is_told_and_kept(begun, kept):
    kept(ON)
    assert begun() == ["0.2.0"]
    assert kept() == UpdateSettings(look=True, asked_at=int(NOW_S), newest="0.2.0")


@pytest.mark.parametrize("published", ["0.1.0", "0.1", "0.1.0rc3", "0.0.9"])
def test_what_is_not_newer_is_not_told(begun, kept, server, published):
    kept(ON)
    server.answer = tells(published)
    assert begun() == []
    assert kept().newest == published


def test_the_same_day_nobody_is_asked_again_and_what_is_known_is_told(begun, kept, server):
    kept(ON)
    assert [begun(NOW_S + hour * 3600) for hour in (0, 1, 23)] == [["0.2.0"]] * 3
    assert len(server.asked) == 1
    begun(NOW_S + DAY_S)
    assert len(server.asked) == 2


def test_what_was_told_is_not_told_to_the_version_that_it_is(begun, kept):
    kept(ON)
    begun()
    assert begun(NOW_S + 1, mine="0.2.0") == []


@pytest.mark.parametrize("answer", [b"", page(b"", "404 Not Found"), page(b"{}"), b"\x1b[31m\r\n\r\n"])
def test_a_failure_is_silent_and_waits_a_day_as_well(begun, kept, server, caplog, answer):
    kept(ON)
    server.answer = answer
    with caplog.at_level(logging.INFO):
        assert begun() == begun(NOW_S + 60) == []
    assert len(server.asked) == 1
    (line,) = caplog.messages
    assert line.startswith("the newest version was not learnt (")
    assert not any(character.isdigit() for character in line)  # no address of anybody's


def test_what_was_known_outlives_a_failure(begun, kept, server):
    kept(ON)
    begun()
    server.answer = b""
    assert begun(NOW_S + DAY_S) == ["0.2.0"]


def test_where_there_is_nobody_to_ask_nothing_is_kept(begun, kept):
    kept(ON)
    assert begun(publisher=Publisher()) == []
    assert kept() == ON


def test_what_cannot_be_remembered_is_not_asked(begun, kept, server, tmp_path):
    kept(ON)
    (tmp_path / "settings.json.bak").mkdir()
    assert begun() == []
    assert server.asked == []


def test_what_is_dismissed_is_not_told_again_and_what_comes_after_it_is(qtbot, begun, kept, server, tmp_path):
    kept(ON)
    begun()
    file = SettingsFile(tmp_path / "settings.json")
    watch = UpdateWatch(Publisher(server.publisher.newest, PAGE), Preferences(file.load().settings, file))
    watch.dismiss()
    watch._preferences.save()
    assert begun(NOW_S + 1) == []
    server.answer = tells("0.3.0")
    assert begun(NOW_S + DAY_S) == ["0.3.0"]

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.settings import UpdateSettings
from desktop.updates.daily import DAY_S, is_due, worth_telling

NOW_S = 1_700_000_000
STARTS = st.lists(st.floats(0, 10 * DAY_S), max_size=40).map(sorted)


def asked(starts_s, updates):
    """Return the starts at which somebody is asked."""
    due = []
    for start_s in starts_s:
        if is_due(updates, NOW_S + start_s):
            due.append(start_s)
            updates = UpdateSettings(look=updates.look, asked_at=int(NOW_S + start_s))
    return due


@given(STARTS)
def test_however_often_it_starts_it_asks_once_a_day(starts_s):
    due = asked(starts_s, UpdateSettings(look=True))
    assert due[:1] == starts_s[:1]
    assert all(later - earlier > DAY_S - 1 for earlier, later in pairwise(due))


@given(STARTS)
def test_it_never_asks_unless_it_is_switched_on(starts_s):
    assert asked(starts_s, UpdateSettings()) == []


def test_a_clock_that_was_put_back_puts_off_nothing():
    assert is_due(UpdateSettings(look=True, asked_at=NOW_S + 1000 * DAY_S), NOW_S)


@pytest.mark.parametrize(
    ("updates", "told"),
    [
        (UpdateSettings(look=True, newest="0.2.0"), "0.2.0"),
        (UpdateSettings(look=True, newest="0.2.0", dismissed="0.1.5"), "0.2.0"),
        (UpdateSettings(look=True, newest="0.2.0", dismissed="0.2.0"), ""),
        (UpdateSettings(look=True, newest="0.1.0"), ""),
        (UpdateSettings(look=True, newest="0.1.0rc1"), ""),
        (UpdateSettings(look=True), ""),
        (UpdateSettings(look=True, newest="\x1b[31m9.9"), ""),
        (UpdateSettings(newest="0.2.0"), ""),
    ],
)
def test_what_is_newer_and_not_dismissed_is_told(updates, told):
    assert worth_telling(updates, "0.1.0") == told

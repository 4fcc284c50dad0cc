"""Media time follows the clock: lateness that stays is a gap, lateness that passes is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.capture.timeline import Timeline

BLOCK_S = 0.025


def deliver(timeline, blocks, at, late=lambda _n: 0.0):
    """Deliver blocks in real time, each as late as told; return the gaps and the clock after them."""
    gaps = []
    for n in range(blocks):
        at += BLOCK_S
        gap = timeline.missing(BLOCK_S, at + late(n))
        timeline.media_s += gap + BLOCK_S
        gaps += [gap] if gap else []
    return gaps, at


@given(start=st.floats(0, 1e6), jitter=st.lists(st.floats(0, 0.09), min_size=40, max_size=40))
def test_jitter_is_no_gap(start, jitter):
    assert deliver(Timeline(), 40, start, jitter.__getitem__)[0] == []


@given(
    start=st.floats(0, 1e6),
    away=st.lists(st.floats(0.05, 5_000), min_size=1, max_size=8),
    jitter=st.floats(0, 0.05),
)
def test_gaps_of_a_device_that_comes_and_goes_do_not_add_up_to_an_error(start, away, jitter):
    timeline, at = Timeline(), start
    deliver(timeline, 10, at)
    at += 10 * BLOCK_S
    for away_s in away:
        at += away_s
        timeline.reopened()
        gaps, at = deliver(timeline, 10, at, lambda n: jitter if n else 0.0)
        assert sum(gaps) == pytest.approx(away_s, abs=0.01)
    assert timeline.media_s == pytest.approx(at - start, abs=0.01)


@given(lost_s=st.floats(0.15, 60))
def test_sound_that_was_lost_without_a_word_is_a_gap(lost_s):
    timeline = Timeline()
    _, at = deliver(timeline, 40, 0.0)
    gaps, at = deliver(timeline, 40, at + lost_s)
    assert sum(gaps) == pytest.approx(lost_s, abs=0.03)  # the device's clock may have drifted meanwhile
    assert timeline.media_s == pytest.approx(at, abs=0.03)


@given(stall_s=st.floats(0.15, 10))
def test_sound_that_comes_late_but_all_of_it_is_no_gap(stall_s):
    timeline = Timeline()
    _, at = deliver(timeline, 40, 0.0)
    held = round(stall_s / BLOCK_S)
    gaps, _ = deliver(timeline, held + 20, at, lambda n: max(0, held - n) * BLOCK_S)
    assert gaps == []


@pytest.mark.parametrize("ppm", [-200, -50, 50, 200])
def test_a_device_with_a_clock_of_its_own_makes_no_gaps(ppm):
    timeline, at = Timeline(), 0.0
    for _ in range(40_000):
        at += BLOCK_S * (1 + ppm * 1e-6)
        assert timeline.missing(BLOCK_S, at) == 0
        timeline.media_s += BLOCK_S


def test_media_time_begins_with_the_first_sound():
    timeline = Timeline()
    assert timeline.due(99.0) == 0
    assert timeline.missing(0.5, 100.0) == 0
    timeline.media_s += 0.5
    assert timeline.due(101.0) == pytest.approx(1.0)

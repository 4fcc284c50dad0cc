"""No speech is lost, none is heard twice, and the longest silence is where a recording is cut."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.recordings.cutting import MARGIN, Cutter, Lengths
from engine.speech.vad import FRAME
from engine.units import samples, seconds

LENGTHS = (Lengths(30, 20, 20), Lengths(15, 8, 2), Lengths(6, 3, 1), Lengths(30, 20, 5))
FRAME_S = seconds(FRAME)
turns = st.lists(st.tuples(st.floats(0.1, 70), st.floats(0.05, 40)), max_size=12)


def frames(spoken):
    """Return the probabilities of turns of (speech, silence) in seconds."""
    parts = [
        np.full(round(length / FRAME_S), value) for turn in spoken for length, value in zip(turn, (1, 0), strict=True)
    ]
    return np.concatenate([*parts, np.zeros(0)]).astype(np.float32)


def cut(probabilities, lengths, at_once=1000, loudness=None):
    """Return the windows of a recording that is fed in pieces."""
    loudness = np.ones_like(probabilities) if loudness is None else loudness
    cutter = Cutter(lengths)
    windows, needed = [], []
    for start in range(0, len(probabilities), at_once):
        part = slice(start, start + at_once)
        windows += cutter.feed(probabilities[part], loudness[part])
        needed.append((len(windows), cutter.needed))
    windows += cutter.finish(len(probabilities) * FRAME)
    for count, first in needed:
        assert all(window[0][0] >= first for window in windows[count:])
    return windows


def speech(spoken):
    """Return where somebody speaks for long enough to be noticed."""
    at = 0
    for long_s, silence_s in spoken:
        stop = at + round(long_s / FRAME_S)
        if stop - at > 4:
            yield at * FRAME, stop * FRAME
        at = stop + round(silence_s / FRAME_S)


@given(turns, st.sampled_from(LENGTHS), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_every_sample_of_speech_is_in_one_window_in_order(spoken, lengths, seed):
    probabilities = frames(spoken)
    loudness = np.random.default_rng(seed).random(len(probabilities), np.float32)
    windows = cut(probabilities, lengths, loudness=loudness)
    spans = [span for window in windows for span in window]
    assert all(0 <= start < stop <= len(probabilities) * FRAME for start, stop in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert all(before[1] < after[0] for window in windows for before, after in pairwise(window))
    heard = np.zeros(len(probabilities) * FRAME, bool)
    for start, stop in spans:
        heard[start:stop] = True
    assert all(heard[start:stop].all() for start, stop in speech(spoken))


@given(turns, st.sampled_from(LENGTHS))
@settings(max_examples=25, deadline=None)
def test_no_window_is_longer_than_it_may_be(spoken, lengths):
    for window in cut(frames(spoken), lengths):
        assert sum(stop - start for start, stop in window) <= samples(lengths.most_s)
        assert all(after[0] - before[1] <= samples(lengths.apart_s) for before, after in pairwise(window))


@given(turns, st.sampled_from(LENGTHS), st.integers(1, 200))
@settings(max_examples=15, deadline=None)
def test_how_the_frames_come_changes_nothing(spoken, lengths, at_once):
    probabilities = frames(spoken)
    assert cut(probabilities, lengths, at_once) == cut(probabilities, lengths)


def test_the_cut_is_in_the_longest_silence_of_the_last_part():
    windows = cut(frames([(9, 1.5), (12, 0.5), (3, 0.9), (4, 0.5), (9, 1)]), Lengths(30, 20, 20))
    assert len(windows) == 2
    assert seconds(windows[0][-1][1]) == pytest.approx(9 + 1.5 + 12 + 0.5 + 3 + 0.4, abs=2 * FRAME_S)


def test_unbroken_speech_is_cut_where_it_is_least_loud():
    probabilities = frames([(40, 1)])
    loudness = np.ones_like(probabilities)
    quiet = range(round(8 / FRAME_S), len(loudness), round(8 / FRAME_S))
    for at in quiet:
        loudness[at - 3 : at + 4] = 0.1
    first, second = cut(probabilities, Lengths(30, 20, 20), loudness=loudness)
    assert first[-1][1] == second[0][0]
    assert min(abs(first[-1][1] // FRAME - at) for at in quiet) <= 1
    assert seconds(first[-1][1]) > 20


def test_silence_beyond_a_margin_is_left_out():
    (window,) = cut(frames([(2, 10), (2, 10)]), Lengths(30, 20, 20))
    assert [stop - start for start, stop in window] == [
        pytest.approx(samples(2) + MARGIN, abs=2 * FRAME),
        pytest.approx(samples(2) + 2 * MARGIN, abs=2 * FRAME),
    ]


def test_nobody_is_no_window():
    assert cut(frames([]), LENGTHS[0]) == cut(np.zeros(500, np.float32), LENGTHS[0]) == []


def test_a_window_waits_for_no_speech_that_never_comes():
    cutter = Cutter(Lengths(30, 20, 5))
    probabilities = frames([(3, 8)])
    assert len(list(cutter.feed(probabilities, np.ones_like(probabilities)))) == 1
    assert cutter.needed > samples(3)

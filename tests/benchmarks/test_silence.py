"""What is no speech, and how it is counted."""

import numpy as np
import pytest

from engine.records import Doubt, Withheld
from tests.benchmarks.recordings import Recording
from tests.benchmarks.silence import Tally, played
from tests.benchmarks.sounds import KINDS, sounds
from tests.talker import RATE, SCRIPT, pipeline, sound


@pytest.mark.parametrize("name", KINDS)
def test_a_sound_is_the_same_each_time_and_no_silence(name):
    make = KINDS[name][0]
    one, two = (make(np.random.default_rng(4), RATE * 4) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert np.isfinite(one).all()
    assert one.any()


def test_there_are_more_than_ten_minutes_within_bounds():
    heard = list(sounds())
    assert sum(recording.duration_s for recording in heard) > 600
    assert all(np.abs(recording.samples).max() <= 1 for recording in heard)


def test_words_are_counted_once():
    tally = played(pipeline(), Recording("talk", "synthetic", sound()[:, 0], ""))
    assert tally.words == len(SCRIPT)


def test_what_is_withheld_is_counted_by_its_reason():
    tally = Tally()
    for reason in (Doubt.LOOP, Doubt.PHANTOM, Doubt.LOOP):
        tally.take(Withheld(0, 1, "thank you", reason))
    assert tally.withheld == {"loop": 4, "phantom": 2}

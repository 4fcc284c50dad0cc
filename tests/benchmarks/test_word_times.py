"""Forced alignment of a transcript, on a real recording."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ModelMissing
from engine.models.store import Store
from engine.units import samples as in_samples
from tests.benchmarks.recordings import load
from tests.benchmarks.word_times import Aligner
from tests.material import recording

SAID = "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
MODELS = Path(__file__).parents[2] / "build" / "models"


def words(tmp_path, sound, said):
    try:
        return Aligner(Store(MODELS), tmp_path).words(sound, said)
    except ModelMissing as error:
        pytest.skip(error.sentence)


@pytest.mark.model
def test_words_keep_their_order_and_their_marks_and_leave_the_pauses_free(tmp_path):
    sound = load(recording("native/jfk.flac"))
    found = words(tmp_path, sound, SAID)
    assert [word.text for word in found] == SAID.split()
    assert all(one.start_s <= one.stop_s for one in found)
    assert all(one.start_s < two.start_s for one, two in pairwise(found))
    # what the attention gives to words around a pause is quiet: 0.3 s of it are free after "Americans," and "you,"
    assert found[5].start_s - found[4].stop_s > 0.3
    assert found[14].start_s - found[13].stop_s > 0.3


@pytest.mark.model
def test_a_long_recording_is_aligned_in_parts(tmp_path):
    once = load(recording("native/jfk.flac"))
    sound = np.concatenate([once, np.zeros(in_samples(1.0), np.float32)] * 3)
    found = words(tmp_path, sound, " ".join([SAID] * 3))
    count = len(SAID.split())
    period_s = len(once) / in_samples(1.0) + 1.0
    again = [late.stop_s - early.stop_s for early, late in zip(found, found[count:], strict=False)]
    assert np.median(again) == pytest.approx(period_s, abs=0.05)


def test_nothing_said_has_no_words(tmp_path):
    assert words(tmp_path, np.zeros(16_000, np.float32), "") == []

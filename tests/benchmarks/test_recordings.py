"""What is fed."""

import numpy as np
import pytest

from engine.units import samples as in_samples
from tests.benchmarks import recordings
from tests.benchmarks.recordings import Recording
from tests.material import SHARED


def clip(name, duration_s, transcript=""):
    return Recording(name, "native", np.full(in_samples(duration_s), 0.1, np.float32), transcript)


def test_silence_follows_what_was_said():
    fed = clip("a", 1.0).fed
    assert len(fed) == in_samples(1.0 + recordings.TAIL_S)
    assert not fed[in_samples(1.0) :].any()


def test_a_long_recording_says_where_its_parts_begin():
    long = recordings.joined([clip("a", 10, "one"), clip("b", 20, "two")], minutes=0.6)
    assert [(part.name, start_s) for part, start_s in long.parts] == [("a", 0), ("b", 10.5), ("a", 31)]
    assert long.transcript == "one two one"
    assert long.duration_s == 41.5


def test_sounds_without_speech_are_the_same_each_time_and_within_bounds():
    for one, two in zip(recordings.synthetic(), recordings.synthetic(), strict=True):
        assert np.array_equal(one.samples, two.samples)
        assert np.abs(one.samples).max() < 0.5
        assert one.transcript == ""


def test_a_group_gives_english_speech_with_its_transcript():
    if not (SHARED / "audio" / "MANIFEST.tsv").exists():
        pytest.skip(f"{SHARED / 'audio'} is not here")
    found = list(recordings.group(SHARED / "audio", "ljspeech", limit=2))
    assert found
    assert all(one.transcript and one.duration_s > 1 for one in found)

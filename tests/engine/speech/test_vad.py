import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audio.resample import Resampler
from engine.audio.sources import FileSource
from engine.settings import SpeechSettings
from engine.speech.vad import FRAME, Edge, Hysteresis, SpeechDetector
from engine.units import samples
from tests.material import recording

PROBABILITIES = st.lists(st.floats(0, 1), max_size=200)


def edges(probabilities, **settings):
    hysteresis = Hysteresis(SpeechSettings(**settings))
    return [(i, edge) for i, p in enumerate(probabilities) if (edge := hysteresis.update(p, i * FRAME))]


@given(PROBABILITIES)
def test_starts_and_ends_take_turns(probabilities):
    kinds = [edge for _, edge in edges(probabilities)]
    assert kinds == [Edge.STARTED, Edge.ENDED] * (len(kinds) // 2) + [Edge.STARTED] * (len(kinds) % 2)


def test_a_click_is_no_speech():
    assert edges([0, 0.9, 0.9, 0, 0, 0], min_speech_s=0.1) == []


def test_speech_starts_where_it_was_first_heard():
    hysteresis = Hysteresis(SpeechSettings(min_speech_s=0.1))
    for i, probability in enumerate([0, 0.9, 0.9, 0.9, 0.9]):
        hysteresis.update(probability, i * FRAME)
    assert (hysteresis.speaking, hysteresis.started, hysteresis.last_speech) == (True, FRAME, 5 * FRAME)


def test_speech_ends_after_the_silence_that_was_asked_for():
    found = edges([0.9] * 10 + [0.1] * 60, min_silence_s=1.0)
    assert found[-1] == (10 + -(-samples(1.0) // FRAME) - 1, Edge.ENDED)


def test_between_the_thresholds_speech_goes_on():
    assert edges([0.9] * 5 + [0.4] * 100) == [(3, Edge.STARTED)]


def test_frames_may_come_in_any_portions():
    frames = np.random.default_rng(1).normal(0, 0.1, (40, FRAME)).astype(np.float32)
    whole = SpeechDetector().probabilities(frames)
    detector = SpeechDetector()
    parts = [detector.probabilities(part) for part in np.split(frames, [1, 2, 7, 30])]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)


@pytest.mark.parametrize(("name", "speech"), [("native/jfk.flac", True), ("non_speech/leopard_empty.wav", False)])
def test_people_are_told_from_silence(name, speech):
    source = FileSource(recording(name))
    source.open()
    blocks = []
    while not source.exhausted:
        blocks += source.read(0)
    resampler = Resampler(blocks[0].sample_rate)
    sound = np.concatenate([resampler.feed(block) for block in blocks])
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)
    assert (SpeechDetector().probabilities(frames).mean() > 0.3) == speech

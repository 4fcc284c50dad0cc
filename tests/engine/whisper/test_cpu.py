"""The recogniser on the processor, over real weights."""

import numpy as np
import pytest

from engine.records import Window
from engine.settings import EngineSettings
from engine.units import SAMPLES_PER_POSITION, samples
from engine.whisper.cpu import CpuRecognizer
from engine.whisper.recognizer import Context
from tests.benchmarks.recordings import load
from tests.material import engine, recording

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def heard():
    return load(recording("native/jfk.flac"))[: samples(5)]


def recognizer(context):
    return CpuRecognizer(engine("tiny.en").installed.path, context, EngineSettings(language="en", threads=1))


def test_a_filled_window_is_heard_as_a_padded_one(heard):
    filled, padded = (
        recognizer(context).recognize(Window(heard, 0)).words for context in (Context.FILLED, Context.PADDED)
    )
    assert [word.text for word in filled] == [word.text for word in padded]
    drift = [abs(one.start - two.start) for one, two in zip(filled, padded, strict=True)]
    assert np.median(drift) <= 2 * SAMPLES_PER_POSITION


@pytest.mark.parametrize("heard_s", [0.01, 0.5, 29.5, 30, 31])
def test_the_decoder_is_shown_thirty_seconds_however_long_the_window(heard_s):
    window = Window(np.zeros(samples(heard_s), np.float32), 0)
    assert recognizer(Context.FILLED)._encode(window).shape[:2] == [1, samples(30) // SAMPLES_PER_POSITION]

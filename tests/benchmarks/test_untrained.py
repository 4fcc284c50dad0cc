"""A model of random weights that recites: what it says, and when, hangs on no sound."""

from itertools import pairwise

import numpy as np
import pytest

from desktop import paths
from engine.errors import ModelError
from engine.models.store import Store
from engine.records import Window
from engine.settings import EngineSettings
from engine.units import samples
from engine.whisper.cpu_batch import CpuBatchRecognizer
from engine.whisper.recognizer import Context
from tests.benchmarks.untrained import TEXT, Shape, write


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory):
    try:
        base = Store(paths.models()).find("base").path
    except ModelError as error:
        pytest.skip(f"needs Whisper base: {error}")
    folder = tmp_path_factory.mktemp("made") / "model"
    write(folder, Shape(2, 128, 2), base, 50)
    made = CpuBatchRecognizer(folder, Context.PADDED, EngineSettings(threads=1, beam=5))
    yield made
    made.close()


def test_everybody_is_told_the_same_text_evenly_whatever_is_heard(recognizer):
    random = np.random.default_rng(3)
    sounds = [np.zeros(samples(30), np.float32), random.normal(0, 0.1, samples(30)).astype(np.float32)]
    heard = [recognizer.submit(Window(sound, 0, language="en")).result() for sound in sounds]
    texts = ["".join(word.text for word in one.words) for one in heard]
    assert texts[0] == texts[1]
    assert TEXT.startswith(texts[0])
    assert len(texts[0].split()) == 40
    for one in heard:
        assert all(before.stop <= after.start for before, after in pairwise(one.words))
        assert max(word.stop - word.start for word in one.words) < samples(3.0)
        assert one.words[-1].stop > samples(28)

"""Company changes nothing: what is heard in a window of a batch is what is heard in it alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import OutOfMemory
from engine.records import Window
from engine.settings import EngineSettings
from engine.units import samples
from engine.whisper.batch import BatchRecognizer, OneByOne
from engine.whisper.cpu_batch import KEPT, SHARE, TOGETHER, CpuBatchRecognizer, shares
from engine.whisper.recognizer import Context
from tests.benchmarks.recordings import load
from tests.material import engine, recording

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def windows():
    talk = load(recording("long/lj_long_LJ001-0001_0010.flac"))
    lengths = (5, 9.5, 3, 16, 4.2)
    starts = np.cumsum([0, *lengths])
    return [Window(talk[samples(a) : samples(a + s)], 0, thorough=True) for a, s in zip(starts, lengths, strict=False)]


@pytest.fixture(scope="module", params=["tiny.en", "tiny.en, padded", "live"])
def batches(request):
    name, _, padded = request.param.partition(", ")
    installed = engine(name).installed
    context = Context.PADDED if padded else installed.context
    recognizer = CpuBatchRecognizer(installed.path, context, EngineSettings(threads=2))
    yield recognizer
    recognizer.close()


@given(st.integers(1, 128), st.integers(0, 4 << 30), st.integers(1 << 28, 1 << 40))
def test_searches_share_the_cores_and_a_part_of_the_memory(cores, weights, memory):
    searches, together = shares(cores, weights, memory)
    assert 1 <= searches <= cores
    assert 1 <= together <= TOGETHER
    assert searches * together * KEPT * weights <= max(SHARE * memory, KEPT * weights)


def test_a_small_machine_hears_a_large_model_window_by_window():
    assert shares(2, 39 << 20, 8 << 30) == (2, TOGETHER)
    assert shares(4, 1560 << 20, 8 << 30) == (2, 1)


def test_it_keeps_the_protocol(batches):
    assert isinstance(batches, BatchRecognizer)
    assert isinstance(OneByOne(batches), BatchRecognizer)


def test_a_window_is_heard_in_company_as_it_is_alone(batches, windows):
    together = [future.result() for future in [batches.submit(window) for window in windows]]
    alone = [batches.submit(window).result() for window in windows]
    for one, other in zip(together, alone, strict=True):
        assert [(word.text, word.start, word.stop) for word in one.words] == [
            (word.text, word.start, word.stop) for word in other.words
        ]
    assert sum(len(hypothesis.words) for hypothesis in alone) > 50
    assert all(0 <= word.start <= word.stop for hypothesis in alone for word in hypothesis.words)


def test_a_failure_reaches_everybody_who_waits(batches, windows, monkeypatch):
    def broken(_):
        raise MemoryError

    monkeypatch.setattr(batches, "_encode", broken)
    for future in [batches.submit(window) for window in windows]:
        with pytest.raises(OutOfMemory):
            future.result()


def test_nothing_waits_after_the_end(windows):
    installed = engine("tiny.en").installed
    recognizer = CpuBatchRecognizer(installed.path, installed.context, EngineSettings(threads=1))
    futures = [recognizer.submit(window) for window in 4 * windows]
    recognizer.close()
    recognizer.close()
    assert not all(future.done() for future in futures)  # and nobody goes on with them


def test_names_are_spelt_as_the_user_spells_them():
    said = load(recording("native/jfk.flac"))
    installed = engine("tiny.en").installed
    texts = []
    for vocabulary in ((), ("Amerikanz",)):
        recognizer = CpuBatchRecognizer(
            installed.path, installed.context, EngineSettings(threads=1, vocabulary=vocabulary)
        )
        texts.append("".join(word.text for word in recognizer.submit(Window(said, 0)).result().words))
        recognizer.close()
    assert "Americans" in texts[0]
    assert "Amerikanz" not in texts[1]  # nobody says it: the sound alone decides

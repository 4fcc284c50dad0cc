"""Windows side by side are heard as each alone, and in the right order on a GPU."""

from dataclasses import replace
from functools import cache

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.errors import CudaUnavailable  # noqa: E402
from engine.records import Window  # noqa: E402
from engine.settings import EngineSettings  # noqa: E402
from engine.units import samples  # noqa: E402
from engine.whisper.batch import BatchRecognizer  # noqa: E402
from engine.whisper.cuda.device.host import HostDevice  # noqa: E402
from engine.whisper.cuda.model.budget import slots_budget  # noqa: E402
from engine.whisper.cuda.model.dims import Precision  # noqa: E402
from engine.whisper.cuda.proof.recording import RecordingDevice  # noqa: E402
from engine.whisper.cuda.recognizer import CudaRecognizer  # noqa: E402
from engine.whisper.cuda.slots import CudaBatchRecognizer  # noqa: E402
from engine.whisper.recognizer import Context  # noqa: E402
from tests.benchmarks.recordings import load  # noqa: E402
from tests.fake_gpu import fake_gpu  # noqa: E402
from tests.material import recording  # noqa: E402
from tests.whispers import DEVICE, checkpoint, folder  # noqa: E402

torch.set_num_threads(1)
pytestmark = pytest.mark.model
SPANS = ((0.0, 2.2), (3.0, 3.4), (2.0, 5.5), (7.8, 10.9), (1.0, 1.2))  # of the clip, s


@cache
def windows(language="en"):
    sound = load(recording("native/jfk.flac"))
    spans = [(samples(start), samples(stop)) for start, stop in SPANS]
    return [Window(sound[start:stop], start, language=language, thorough=True) for start, stop in spans]


@pytest.mark.parametrize(("beam", "slots"), [(1, 2), (2, 3)])
def test_windows_are_heard_as_each_alone(beam, slots):
    """Also where a word comes from the vocabulary that was shown, and the window is heard again without it."""
    settings = EngineSettings(beam=beam, vocabulary=("Asking", "Whatever", "Fellini"))
    alone = CudaRecognizer(folder("live"), Context.SHORT, settings, DEVICE)
    together = CudaBatchRecognizer(folder("live"), Context.SHORT, settings, DEVICE, slots=slots)
    assert isinstance(together, BatchRecognizer)
    futures = [together.submit(window) for window in windows()]
    for window, future in zip(windows(), futures, strict=True):
        found, expected = future.result(timeout=120), alone.recognize(window)
        assert found.words
        assert [replace(word, probability=0) for word in found.words] == [
            replace(word, probability=0) for word in expected.words
        ]
        assert found.avg_logprob == pytest.approx(expected.avg_logprob, abs=1e-3)
        assert found.no_speech_prob == pytest.approx(expected.no_speech_prob, abs=1e-4)
    assert beam > 1 or alone.counts.decoded > len(futures)
    together.close()


def test_each_window_has_a_language_of_its_own():
    settings = EngineSettings(beam=1)
    together = CudaBatchRecognizer(folder("base"), Context.FILLED, settings, DEVICE, slots=2)
    japanese = Window(load(recording("non_english/cv_ja_24511055.mp3"))[: samples(3)], 0)
    futures = [together.submit(window) for window in (windows("auto")[0], japanese)]
    assert [future.result(timeout=120).language for future in futures] == ["en", "ja"]
    together.close()


def test_what_is_launched_is_right_on_a_gpu():
    with RecordingDevice() as device:
        settings = EngineSettings(beam=1)
        together = CudaBatchRecognizer(folder("live"), Context.SHORT, settings, device, slots=2)
        waiting = [*map(_asked, windows()[:2]), *map(_asked, windows()[3:])]
        slots, left = together._slots, list(waiting)
        while slots.round(lambda: left.pop() if left else None):
            pass
    assert all(asked.future.result(timeout=0).words for asked in waiting)
    assert not device.faults()


def test_all_of_it_is_on_the_device_in_half_precision():
    with fake_gpu(torch.float16) as device:
        together = CudaBatchRecognizer(folder("live"), Context.SHORT, EngineSettings(beam=3), device, slots=2)
        left = [_asked(window) for window in windows()[:3]]
        waiting = list(left)
        while together._slots.round(lambda: left.pop() if left else None):
            pass
    assert all(asked.future.result(timeout=0).words == () for asked in waiting)


def test_a_device_that_fails_is_told_to_all_who_wait():
    class Failing(HostDevice):
        def fetch(self, *tensors):
            raise CudaUnavailable("it fell off the bus")

    together = CudaBatchRecognizer(folder("live"), Context.SHORT, EngineSettings(beam=1), Failing(), slots=1)
    futures = [together.submit(window) for window in windows()[:3]]
    for future in futures:
        with pytest.raises(CudaUnavailable):
            future.result(timeout=60)
    together.close()


@pytest.mark.parametrize("context", [Context.SHORT, Context.FILLED])
def test_slots_take_what_was_said(context):
    together = CudaBatchRecognizer(folder("live"), context, EngineSettings(beam=2), DEVICE, slots=3)
    slots = together._slots
    said = slots_budget(checkpoint("live").dims, Precision.FLOAT16, slots=3, beams=2, filled=context.filled)
    search, alignment, encoding = slots._search, slots._alignment, slots._encoder._encoding
    caches = [search._cache, search._entrance, alignment._cache]
    kept = [search._memory, slots._entrance, *encoding.memories]
    tensors = [tensor for each in (*caches, *kept) for tensor in (each.keys, each.values)]
    tensors += encoding._silence or ()
    taken = sum(tensor.untyped_storage().nbytes() for tensor in tensors)
    assert taken // 2 == said.cache + said.memory  # the host computes in float32
    together.close()


def _asked(window):
    from engine.whisper.cuda.slots import Asked

    return Asked(window)

"""Windows side by side are heard as each alone, and in the right order on a GPU that encodes beside the steps."""

import gc
from dataclasses import replace
from functools import cache

import numpy as np
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
from engine.whisper.cuda.proof.order import HOST, clocks, faults  # noqa: E402
from engine.whisper.cuda.proof.recording import RecordingDevice  # noqa: E402
from engine.whisper.cuda.recognizer import CudaRecognizer  # noqa: E402
from engine.whisper.cuda.slots import Asked, CudaBatchRecognizer  # noqa: E402
from engine.whisper.recognizer import Context  # noqa: E402
from tests.benchmarks import random_weights  # noqa: E402
from tests.benchmarks.recordings import load  # noqa: E402
from tests.fake_gpu import fake_gpu  # noqa: E402
from tests.material import recording  # noqa: E402
from tests.whispers import DEVICE, checkpoint, folder  # noqa: E402

pytestmark = pytest.mark.model
SPANS = ((0.0, 2.2), (3.0, 3.4), (3.2, 5.4), (8.0, 10.2), (1.0, 1.2))  # of the clip, s


@cache
def windows(language="en"):
    sound = load(recording("native/jfk.flac"))
    spans = [(samples(start), samples(stop)) for start, stop in SPANS]
    return [Window(sound[start:stop], start, language=language, thorough=True) for start, stop in spans]


@pytest.mark.parametrize(("beam", "slots"), [(1, 3), (2, 2)])
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


def transcribe(together, windows):
    """Let a recogniser hear windows in this thread, and return what it heard."""
    asked = [Asked(window) for window in windows]
    left = list(asked)
    while together.slots.round(lambda: left.pop(0) if left else None):
        pass
    return [each.future.result(timeout=0) for each in asked]


def noise(count, start_s=0.0):
    """Windows of two lengths of the encoder, and of both ways to a language."""
    sound = (0.1 * np.random.default_rng(0).standard_normal(samples(4.0))).astype(np.float32)
    for n in range(count):
        yield Window(sound[: samples(1.2 + n % 2)], samples(start_s + 5 * n), language=("en", "auto")[n % 3 == 2])


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    """A model of random weights whose texts end after a few tokens."""
    made = random_weights.write(
        tmp_path_factory.mktemp("models") / "miniature", random_weights.MINIATURE, folder("base")
    )
    random_weights.end_at(made, 10, end=50257)
    return made


@pytest.fixture(scope="module")
def recorded(miniature):
    """Many windows on a recording device, and the log of as many more once all is captured."""
    with RecordingDevice() as device:
        together = CudaBatchRecognizer(miniature, Context.FILLED, EngineSettings(beam=1), device, slots=3)
        transcribe(together, noise(4))
        device.finish()
        begun = len(device.acts)
        assert all(heard.words for heard in transcribe(together, noise(6)))
    acts = device.acts[begun:]
    assert not any(range_.name.startswith("capture") for act in acts for range_ in act.within)
    known = {act.event for act in acts}  # all before has happened
    return device.faults(), [replace(act, after=tuple(n for n in act.after if n in known)) for act in acts]


def test_what_is_launched_is_right_on_a_gpu(recorded):
    found, acts = recorded
    assert not found
    assert not faults(acts)


def test_no_wait_of_a_stream_for_another_can_be_left_out(recorded):
    """But where the host knows already: it has read what came behind."""
    _, acts = recorded
    tried = set()
    lanes = {act.event: act.lane for act in acts}
    done = [clock for _, clock in clocks(acts)]
    for at, act in enumerate(acts):
        for event in act.after if act.lane != HOST else ():
            without = [*acts[:at], replace(act, after=tuple(n for n in act.after if n != event)), *acts[at + 1 :]]
            orders = list(clocks(without[: at + 1]))[-1][1] != done[at]
            assert bool(faults(without)) == orders, (act, lanes[event])
            tried |= {(act.lane, lanes[event])} if orders else set()
    assert tried == {
        ("encoder", "encoder's copy"),
        ("encoder's copy", "encoder"),
        ("encoder", "compute"),
        ("compute", "encoder"),
        ("compute", "copy"),
        ("copy", "compute"),
    }


def test_windows_are_encoded_beside_steps_but_for_the_first_that_fill_the_slots(recorded):
    _, acts = recorded
    numbers, order = {}, []
    for act, clock in clocks(acts):
        numbers[act.lane] = numbers.get(act.lane, 0) + 1
        if act.within:
            order.append((act.within[0], act.lane, numbers[act.lane], clock))
    steps = [each for each in order if each[0].name.startswith("step")]
    beside = set()
    encoded = {range_ for range_, *_ in order if range_.name.startswith("encode")}
    for range_, lane, number, clock in order:
        if range_ in encoded and any(
            number > step_clock.get(lane, 0) and step_number > clock.get(step_lane, 0)
            for _, step_lane, step_number, step_clock in steps
        ):
            beside.add(range_)
    assert len(encoded) == 6
    assert len(beside) >= 4


def test_a_pool_for_both_streams_would_be_found(recorded):
    _, acts = recorded
    pools = {access.buffer for act in acts for access in act.accesses if access.buffer.startswith("the pool")}
    assert pools == {"the pool of compute's graphs", "the pool of encoder's graphs"}
    shared = [
        replace(
            act,
            accesses=tuple(
                replace(access, buffer="the pool") if access.buffer in pools else access for access in act.accesses
            ),
        )
        for act in acts
    ]
    found = faults(shared)
    assert found
    assert all("writes the pool while 'replay of" in fault for fault in found)


def test_all_of_it_is_on_the_device_in_half_precision(miniature):
    with fake_gpu(torch.float16) as device:
        together = CudaBatchRecognizer(miniature, Context.SHORT, EngineSettings(beam=3), device, slots=2)
        heard = transcribe(together, windows()[:3])
    assert all(each.words == () for each in heard)


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


@pytest.mark.parametrize("closed", [True, False])
def test_weights_are_let_go_of_when_nothing_is_encoded_any_more(miniature, closed):
    with RecordingDevice() as device:
        together = CudaBatchRecognizer(miniature, Context.SHORT, EngineSettings(beam=1), device, slots=1)
        left = [Asked(window) for window in noise(1)]
        assert together.slots.round(lambda: left.pop() if left else None)
        if closed:
            together.close()
        del together
        gc.collect()
    found = device.faults()
    assert bool(found) != closed
    assert all(fault.startswith("'reuse' on ") for fault in found)


@pytest.mark.parametrize("good", range(1, 9))
def test_whenever_a_device_fails_no_window_is_forgotten(miniature, good):
    """It may be on its way into a memory, into a slot, be decoded or aligned."""

    class Failing(HostDevice):
        left = None

        def fetch(self, *tensors):
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    raise CudaUnavailable("it fell off the bus")
            return super().fetch(*tensors)

    device = Failing()
    together = CudaBatchRecognizer(miniature, Context.SHORT, EngineSettings(beam=1), device, slots=2)
    asked = [Asked(window) for window in noise(6)]
    left = list(asked)
    device.left = good
    with pytest.raises(CudaUnavailable):
        while together.slots.round(lambda: left.pop(0) if left else None):
            pass
    lost = together.slots.drop()
    assert {*lost, *left} | {each for each in asked if each.future.done()} == set(asked)
    assert len(lost) == len(set(lost))
    together.close()


@pytest.mark.parametrize("context", [Context.SHORT, Context.FILLED])
def test_slots_take_what_was_said(context):
    together = CudaBatchRecognizer(folder("live"), context, EngineSettings(beam=2), DEVICE, slots=3)
    slots = together.slots
    said = slots_budget(checkpoint("live").dims, Precision.FLOAT16, slots=3, beams=2, filled=context.filled)
    search, alignment, encoding = slots._search, slots._alignment, slots._encoder._encoding
    caches = [search._cache, search._entrance, alignment._cache]
    kept = [search._memory, slots._entrance, *encoding.memories]
    tensors = [tensor for each in (*caches, *kept) for tensor in (each.keys, each.values)]
    tensors += encoding._silence or ()
    taken = sum(tensor.untyped_storage().nbytes() for tensor in tensors)
    assert taken // 2 == said.cache + said.memory  # the host computes in float32
    together.close()

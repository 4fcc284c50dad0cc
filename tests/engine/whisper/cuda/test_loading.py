"""The whole way onto a device and down the ladder, on the processor with a real model."""

import weakref
from bisect import bisect_left
from dataclasses import replace
from functools import cache

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (./run gpu test)")

from desktop.known_speech import known_speech  # noqa: E402
from engine.errors import CudaUnavailable, OutOfMemory  # noqa: E402
from engine.records import Window  # noqa: E402
from engine.settings import ENGLISH, EngineSettings, WindowSettings  # noqa: E402
from engine.units import samples  # noqa: E402
from engine.whisper.choice import Extras, load_batch_recognizer, load_recognizer  # noqa: E402
from engine.whisper.cuda.device.host import HostDevice  # noqa: E402
from engine.whisper.cuda.kernels.operations import PLAIN  # noqa: E402
from engine.whisper.cuda.loading import TorchGpu  # noqa: E402
from engine.whisper.ladder import LadderRecognizer, Lost  # noqa: E402
from engine.whisper.recognizer import Context  # noqa: E402
from tests.benchmarks import random_weights  # noqa: E402
from tests.material import SHARED, engine  # noqa: E402
from tests.whispers import folder  # noqa: E402

pytestmark = pytest.mark.long

SETTINGS = EngineSettings(beam=1, window=WindowSettings(cap_s=5.0))  # little to capture
GIB = 1 << 30


class Faulty(HostDevice):
    """A host that fails as a GPU would, when it is told to: once.

    Attributes:
        fault: Raised by a graph.
        after: So many graphs run before.
    """

    fault, after = None, 0

    def capture(self, name, function, *inputs):
        return super().capture(name, lambda *given: (self._fail(), function(*given))[1], *inputs)

    def _fail(self):
        if self.fault and self.after:
            self.after -= 1
        elif self.fault:
            fault, self.fault = self.fault, None
            raise fault


class Deaf:
    """The plain operations while the model's numbers are checked, two rows at a time; then every token is the end.

    Args:
        end: That token.
    """

    def __init__(self, end):
        self.end = end

    def __getattr__(self, name):
        return getattr(PLAIN, name)

    def best_token(self, hidden, embedding, forbidden, **options):
        token, logprob = PLAIN.best_token(hidden, embedding, forbidden, **options)
        return (token, logprob) if len(hidden) == 2 else (torch.full_like(token, self.end), logprob)


LIGHT = "live" if (SHARED / "models").is_dir() else "tiny.en"


@pytest.fixture(scope="module")
def model():
    return engine(LIGHT).installed


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    """A folder with random weights, for what hears nothing."""
    return random_weights.write(tmp_path_factory.mktemp("models") / "mini", random_weights.MINIATURE, folder("base"))


def load(model, device, *, eight_bits=False, operations=PLAIN):
    gpu = TorchGpu(device, operations)
    return gpu.load(model.path, model.context, SETTINGS, eight_bits=eight_bits, clip=known_speech())


@pytest.mark.parametrize(("memory", "float16", "eight_bits"), [(8 * GIB, True, True), (GIB, False, False)])
def test_what_has_room_is_known_beforehand(model, memory, float16, eight_bits):
    gpu = TorchGpu(HostDevice(memory_bytes=memory), PLAIN)
    assert gpu.fits(model.path, model.context, SETTINGS, eight_bits=False) == float16
    assert gpu.fits(model.path, model.context, SETTINGS, eight_bits=True) == eight_bits


def test_between_two_sizes_8_bits_have_room_and_16_have_not(model):
    sizes = [memory for memory in range(GIB, 3 * GIB, 16 << 20) if _fits(model, memory) == (False, True)]
    assert sizes


def _fits(model, memory):
    gpu = TorchGpu(HostDevice(memory_bytes=memory), PLAIN)
    return tuple(gpu.fits(model.path, model.context, SETTINGS, eight_bits=bits) for bits in (False, True))


def test_a_model_that_has_no_room_is_not_loaded(model):
    with pytest.raises(OutOfMemory, match="MiB too little free for"):
        load(model, HostDevice(memory_bytes=GIB))


class Uncompiled:
    """Operations that never get to run."""

    def __getattr__(self, name):
        raise RuntimeError("Failed to find C compiler. Please specify via CC environment variable.")


def test_torch_alone_computes_where_the_kernels_cannot(model, caplog):
    gpu = TorchGpu(HostDevice(), Uncompiled(), PLAIN)
    assert max(gpu.check_numbers(model.path).values()) == 0
    assert "Uncompiled cannot be used: RuntimeError: Failed to find C compiler" in caplog.text


def test_a_device_on_which_nothing_computes_says_what_was_wrong_last(model):
    with pytest.raises(RuntimeError, match="C compiler"):
        TorchGpu(HostDevice(), Uncompiled()).check_numbers(model.path)


def test_a_device_that_hears_nothing_is_not_trusted(model):
    with pytest.raises(CudaUnavailable, match="known speech gives no text"):
        load(model, HostDevice(), operations=Deaf(50256))


FAULTS = {  # in the order in which one device can have them
    "exhausted": (
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
        "the graphics card ran out of memory: captions now come from tiny.en in 8 bits on the graphics card",
    ),
    "lost": (
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
        "the graphics card failed: captions now come from tiny.en on the processor",
    ),
}


def test_what_torch_raises_in_a_window_takes_the_next_rung_and_costs_no_words(model):
    device, told, clip = Faulty(), [], known_speech()
    gpu = TorchGpu(device, PLAIN)
    extras = Extras("tiny.en", clip=lambda: clip, tell=told.append, find_gpu=lambda: gpu, lost=Lost())
    ladder = load_recognizer(model.path, model.context, SETTINGS, extras)
    assert isinstance(ladder, LadderRecognizer)
    assert (ladder.fallback, ladder.context, ladder.languages) == ("", model.context, ("en",))
    window = Window(clip.samples[: samples(3.7)], 0, language=ENGLISH)
    before = ladder.recognize(window)
    for name, (fault, message) in FAULTS.items():
        device.fault = fault
        assert _plain(ladder.recognize(window)) == _plain(before)
        assert [failure.message for failure in told] == [message]
        assert bool(device.lost) == (name == "lost")
        told.clear()


@pytest.mark.parametrize(("name", "after"), [("lost", 0), ("lost", 12), ("exhausted", 12)])
def test_what_torch_raises_at_the_self_test_or_while_warming_up_takes_the_next_rung(miniature, name, after):
    fault, message = FAULTS[name]
    device, told = Faulty(), []
    device.fault, device.after = fault, after
    extras = Extras("tiny.en", tell=told.append, find_gpu=lambda: TorchGpu(device, PLAIN), lost=Lost())
    ladder = load_recognizer(miniature, Context.SHORT, SETTINGS, extras)
    assert [failure.message for failure in told] == [message]
    assert device.fault is None
    assert message.endswith(str(ladder.rung))


@cache
def room_for(slots, path, context):
    """Return memory in which so many windows find room, and no more."""
    sizes = range(GIB, 8 * GIB, 8 << 20)

    def fitting(at):
        gpu = TorchGpu(HostDevice(memory_bytes=sizes[at]), PLAIN)
        return gpu.slots(path, context, SETTINGS, eight_bits=False)

    return sizes[bisect_left(range(len(sizes)), slots, key=fitting)]


def recordings(model, devices, told, device="auto"):
    extras = Extras(
        "tiny.en",
        clip=known_speech,
        tell=told.append,
        find_gpus=lambda: [TorchGpu(each, PLAIN) for each in devices],
        lost=Lost(),
    )
    settings = replace(SETTINGS, device=device)
    return load_batch_recognizer(model.path, model.context, settings, extras)


def pieces(count):
    sound = known_speech().samples
    return [Window(sound[: samples(3.7)], number, language=ENGLISH, thorough=True) for number in range(count)]


def test_more_memory_has_room_for_more_windows(model):
    found = [room_for(slots, model.path, model.context) for slots in (1, 2, 8, 16)]
    assert found == sorted(set(found))


def test_two_devices_hear_side_by_side_what_one_hears(model):
    room = room_for(2, model.path, model.context)
    devices = [Faulty(memory_bytes=room), Faulty(memory_bytes=room)]
    together = recordings(model, devices, told := [])
    assert str(together.rung) == "tiny.en, 4 at a time on the graphics card"
    texts = {_plain(future.result(timeout=60)) for future in [together.submit(window) for window in pieces(4)]}
    alone = engine(LIGHT).recognizer.recognize(pieces(1)[0])  # on the processor
    assert texts == {_plain(alone)}
    assert told == []
    together.close()


def test_recordings_lose_nothing_when_a_device_fails_half_way(model):
    device = Faulty(memory_bytes=room_for(2, model.path, model.context))
    together = recordings(model, [device], told := [])
    before = _plain(together.submit(pieces(1)[0]).result(timeout=60))
    rungs = {"exhausted": "tiny.en, 1 at a time on the graphics card", "lost": "tiny.en on the processor"}
    for name, rung in rungs.items():
        failed = weakref.ref(together._recognizer)
        device.fault, device.after = FAULTS[name][0], 6
        texts = [_plain(future.result(timeout=60)) for future in [together.submit(window) for window in pieces(3)]]
        assert texts == [before] * 3
        assert (failed() is None) == (name == "exhausted"), "memory that ran out is given back; what is lost is kept"
        assert str(together.rung) == rung
        assert [failure.message.endswith(rung) for failure in told] == [True]
        told.clear()
    together.close()


def _plain(hypothesis):
    return "".join(word.text for word in hypothesis.words).lower().strip(" .,")

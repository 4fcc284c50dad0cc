import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (./run gpu test)")

from engine.errors import CudaUnavailable  # noqa: E402
from engine.whisper.cuda.checkup import TOLERANCE, check_numbers  # noqa: E402
from engine.whisper.cuda.device.host import HostDevice  # noqa: E402
from engine.whisper.cuda.kernels.operations import PLAIN  # noqa: E402
from engine.whisper.cuda.model.layers import Linear  # noqa: E402
from tests.engine.whisper.cuda.made_up import checkpoint  # noqa: E402


class Broken:
    """The plain operations, one of which gives something else.

    Args:
        name: Which one.
        spoil: Its result, or each of its results.
    """

    def __init__(self, name, spoil):
        self.name, self.spoil = name, spoil

    def __getattr__(self, name):
        operation = getattr(PLAIN, name)
        if name != self.name:
            return operation

        def spoilt(*arguments, **options):
            result = operation(*arguments, **options)
            return tuple(map(self.spoil, result)) if isinstance(result, tuple) else self.spoil(result)

        return spoilt


SPOILT = {
    "zeros": torch.zeros_like,
    "no numbers": lambda x: torch.full_like(x, torch.nan) if x.is_floating_point() else x,
    "shuffled": lambda x: x.flip(-1) if x.dim() > 1 else x + 1,
    "rows swapped": lambda x: x.roll(1, 0),
    "a tenth too large": lambda x: x * 1.1 if x.is_floating_point() else x,
    "the first half only": lambda x: torch.cat(
        [x[..., : x.shape[-1] // 2], torch.zeros_like(x)[..., x.shape[-1] // 2 :]], -1
    ),
}
OPERATIONS = ("attend", "qkv", "linear", "add_norm", "best_token", "weights_of")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_device_that_is_right_is_trusted(dtype):
    errors = check_numbers(checkpoint(), HostDevice(dtype), operations=PLAIN)
    assert max(errors.values()) < TOLERANCE / 3
    assert len(errors) == 12


@pytest.mark.parametrize("way", SPOILT)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_one_wrong_operation_is_found(operation, way):
    with pytest.raises(CudaUnavailable, match="the self-test failed: the processor is wrong in") as raised:
        check_numbers(checkpoint(), HostDevice(), operations=Broken(operation, SPOILT[way]))
    assert raised.value.hint


class Forgetful(Broken):
    """Does not write the cache, writes it at the wrong place, or reads its own row where it took over another's."""

    def __init__(self, what):
        self.name, self.what = "", what

    def qkv(self, x, weight, bias, keys, values, places, **options):
        if self.what == "unwritten":
            keys, values = keys.clone(), values.clone()
        return PLAIN.qkv(x, weight, bias, keys, values, places + (self.what == "displaced"), **options)

    def attend(self, query, keys, values, lengths, rows=None):
        return PLAIN.attend(query, keys, values, lengths, None if self.what == "rows ignored" else rows)


@pytest.mark.parametrize("what", ["unwritten", "displaced", "rows ignored"])
def test_a_cache_that_is_wrong_is_found(what):
    with pytest.raises(CudaUnavailable, match="step"):
        check_numbers(checkpoint(), HostDevice(), operations=Forgetful(what))


class Stale(HostDevice):
    """Replays its graphs with the arguments of the capture."""

    def capture(self, name, function, *inputs):
        graph = super().capture(name, function, *inputs)
        first = [argument.clone() for argument in inputs]
        replay = graph.replay
        graph.replay = lambda *_: replay(*first)
        return graph


class BadMatrices(HostDevice):
    """Multiplies matrices wrongly, whoever asks."""

    def compute(self, *after):
        from contextlib import contextmanager

        @contextmanager
        def wrong():
            plain = torch.nn.functional.linear
            torch.nn.functional.linear = lambda x, w, b=None: plain(x, w, b) * 1.05
            try:
                yield
            finally:
                torch.nn.functional.linear = plain

        return wrong()


@pytest.mark.parametrize("device", [Stale, BadMatrices])
def test_a_device_that_is_wrong_is_found(device):
    with pytest.raises(CudaUnavailable, match="self-test"):
        check_numbers(checkpoint(), device(), operations=PLAIN)


def test_weights_that_are_stored_otherwise_are_no_fault():
    def coarse(_name, layer):
        scales = layer.weight.float().flatten(1).abs().amax(1) / 127
        if layer.weight.dim() != 2:
            return layer
        stored = (layer.weight.float() / scales[:, None]).round().to(torch.int8)
        return Linear(stored, layer.bias, scales)

    assert (
        max(check_numbers(checkpoint(), HostDevice(torch.float16), operations=PLAIN, precise=coarse).values())
        < TOLERANCE
    )

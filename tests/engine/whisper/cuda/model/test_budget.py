"""What a model will take of a GPU's memory, against what its tensors do take."""

import subprocess
import sys
import weakref
from dataclasses import fields, is_dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from engine.whisper.cuda.model.budget import GIB, MIB, Budget, budget, left_alone, slots_budget, work_bytes  # noqa: E402
from engine.whisper.cuda.model.dims import Dims, Precision, shapes  # noqa: E402
from engine.whisper.cuda.model.precision import precise  # noqa: E402
from engine.whisper.cuda.model.weights import Checkpoint  # noqa: E402
from engine.whisper.cuda.model.whisper import Whisper  # noqa: E402

CPU = torch.device("cpu")
DIMS = Dims(80, 3000, 384, 6, 2, 3, 1500, 448, ())
TURBO = Dims(128, 51866, 1280, 20, 32, 4, 1500, 448, ())
LARGE = Dims(128, 51866, 1280, 20, 32, 32, 1500, 448, ())
sizes = st.integers(0, 100 * GIB)


class Tensors(TorchDispatchMode):
    """Counts the bytes that are alive of what is made inside.

    Args:
        before: Tensors that were there before.

    Attributes:
        alive: Now.
        most: At the largest moment.
    """

    def __init__(self, before):
        super().__init__()
        self.alive = self.most = 0
        self._known = {tensor.untyped_storage()._cdata for tensor in before}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        for each in found if isinstance(found, (tuple, list)) else [found]:
            if isinstance(each, torch.Tensor) and each.untyped_storage().nbytes():
                self._note(each.untyped_storage())
        return found

    def _note(self, storage):
        at, size = storage._cdata, storage.nbytes()
        if at not in self._known:
            self._known.add(at)
            self.alive += size
            self.most = max(self.most, self.alive)
            weakref.finalize(storage, self._gone, at, size)

    def _gone(self, at, size):
        self._known.discard(at)
        self.alive -= size


def model(precision, dims=DIMS):
    lengths = shapes(dims)
    checkpoint = Checkpoint(dims, (), lambda name: torch.ones(lengths[name]))
    return Whisper(checkpoint, CPU, torch.bfloat16, precise=precise(precision))


def held(thing):
    """Return every tensor that an object holds."""
    if isinstance(thing, torch.Tensor):
        return [thing]
    if isinstance(thing, (list, tuple)):
        inside = thing
    elif isinstance(thing, dict):
        inside = thing.values()
    elif is_dataclass(thing):
        inside = [getattr(thing, field.name) for field in fields(thing)]
    elif isinstance(thing, Whisper):
        inside = vars(thing).values()
    else:
        return []
    return [tensor for each in inside for tensor in held(each)]


def bytes_of(thing):
    storages = {tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in held(thing)}
    return sum(storages.values())


@pytest.mark.parametrize("precision", Precision)
def test_weights_take_what_was_said(precision):
    assert bytes_of(model(precision)) == budget(DIMS, precision).weights


@pytest.mark.parametrize(("windows", "beams", "memories"), [(1, 1, 1), (1, 5, 2), (3, 2, 1)])
def test_cache_and_memory_take_what_was_said(windows, beams, memories):
    whisper, said = model(Precision.FLOAT16), budget(
        DIMS, Precision.FLOAT16, windows=windows, beams=beams, memories=memories
    )  # fmt: skip
    assert bytes_of(whisper.cache(windows * beams)) == said.cache
    kept = [whisper.memory(windows, 1500) for _ in range(memories)]
    assert sum(bytes_of((each.keys, each.values)) for each in kept) == said.memory


@given(st.integers(1, 32), st.integers(1, 6), st.booleans())
def test_more_slots_and_wider_searches_take_more(slots, beams, filled):
    one = slots_budget(LARGE, Precision.FLOAT16, slots=slots, beams=beams, filled=filled)
    more = slots_budget(LARGE, Precision.FLOAT16, slots=slots + 1, beams=beams, filled=filled)
    wider = slots_budget(LARGE, Precision.FLOAT16, slots=slots, beams=beams + 1, filled=filled)
    assert one.total < wider.total
    assert one.total < more.total
    small = slots_budget(LARGE, Precision.INT8, slots=slots, beams=beams, filled=filled)
    assert (small.cache, small.memory) == (one.cache, one.memory)
    assert small.weights < one.weights


@pytest.mark.parametrize("precision", [Precision.FLOAT16, Precision.INT8])
@pytest.mark.parametrize(("windows", "positions"), [(1, 1500), (2, 500)])
def test_encoding_takes_no_more_than_was_said_and_not_much_less(precision, windows, positions):
    whisper = model(precision)
    with torch.no_grad(), Tensors(held(whisper)) as tensors:
        whisper.encode(torch.zeros(windows, 80, 2 * positions, dtype=torch.bfloat16))
    said = work_bytes(DIMS, precision, windows=windows, beams=1, positions=positions)
    assert tensors.most <= said <= 1.5 * tensors.most


def test_eight_bits_are_about_half_and_the_published_models_what_they_are():
    assert budget(LARGE, Precision.FLOAT16).weights == pytest.approx(2 * 1.5433e9, rel=1e-3)  # parameters
    assert budget(TURBO, Precision.FLOAT16).weights == pytest.approx(2 * 0.8088e9, rel=1e-3)
    for dims in (LARGE, TURBO):
        whole, small = budget(dims, Precision.FLOAT16), budget(dims, Precision.INT8)
        assert 0.49 < small.weights / whole.weights < 0.52
        assert small.cache == whole.cache


@given(sizes, sizes, sizes, sizes, sizes, st.integers(0, 100 * GIB))
def test_what_fits_leaves_a_gibibyte_and_a_seventh_of_the_gpu(weights, cache, memory, work, free, total):
    need = Budget(weights, cache, memory, work)
    if need.fits(free, total):
        assert free - need.total >= GIB
        assert free - need.total >= 0.15 * total - 1
    else:
        assert free - need.total < left_alone(total)


@pytest.mark.parametrize(
    ("gib", "dims", "precision", "fits"),
    [
        (8, TURBO, Precision.FLOAT16, True),
        (3, TURBO, Precision.FLOAT16, False),
        (3, TURBO, Precision.INT8, True),
        (6, LARGE, Precision.FLOAT16, True),
        (4, LARGE, Precision.FLOAT16, False),
        (2, DIMS, Precision.FLOAT16, True),
        (1, DIMS, Precision.FLOAT16, False),
    ],
)
def test_a_gpu_of_so_many_gibibytes_has_room_or_has_not(gib, dims, precision, fits):
    need = budget(dims, precision, beams=5, memories=2)
    assert need.fits(gib * GIB - 300 * MIB, gib * GIB) is fits


def test_a_budget_is_made_without_torch():
    code = "import sys, engine.whisper.cuda.model.budget; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"

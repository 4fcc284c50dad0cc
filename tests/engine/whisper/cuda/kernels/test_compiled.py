"""The kernels compile for every chip, and fit it: registers, no spills, shared memory. No GPU is needed."""

from collections import Counter
from functools import cache

import pytest

from tests.compiled import CUOBJDUMP, KernelOperations, compiled, launches, token_step, torch

from engine.whisper.cuda.kernels.floor import CHIPS, SHAPES, Chip, token_step as floor_of  # isort: skip

pytestmark = pytest.mark.skipif(not CUOBJDUMP.exists(), reason="this Triton brings no cuobjdump")

# A chip of each capability; 86 is the RTX 30 series, which no table of ours names.
LIMITS = {chip.capability: chip for chip in CHIPS.values()} | {86: Chip("RTX 3090", 86, 71, 0.936, 82, 48, 16, 100, 99)}


@cache
def distinct(name, beams, capability, dtype):
    """Return one launch of each kernel and signature in a model's token step."""
    shape = SHAPES[name]
    made = token_step(shape, beams=beams, capability=capability, dtype=dtype)
    made += launches(lambda operations: others(operations, shape, beams, dtype), capability)
    return tuple({(each.name, each.grid, str(each.constants)): each for each in made}.values())


def others(operations: KernelOperations, shape, beams, dtype):
    """Use what a token step uses at times only: the spread of heads, and int8 weights."""

    def empty(*size, dtype=dtype):
        return torch.empty(size, device="meta", dtype=dtype)

    w, lengths = shape.width, empty(1, dtype=torch.int32)
    keys = empty(1, shape.heads, 1500, 64)
    operations.weights_of(empty(beams, shape.heads, 64), keys, empty(6, dtype=torch.int64), lengths)
    scales = empty(4 * w, dtype=torch.float32)
    operations.linear(
        empty(beams, w), empty(4 * w, w, dtype=torch.int8), empty(4 * w), gelu=True, residual=empty(beams, 4 * w),
        scales=scales,
    )  # fmt: skip


def check(name, beams, capability, dtype):
    chip = LIMITS[capability]
    for each in distinct(name, beams, capability, dtype):
        made = compiled(each, capability)
        told = f"{each.name}{each.grid} of {name}, {beams} beams, for {chip.name}: {made}"
        assert made.spilled == 0, told
        assert made.launch.resident(chip) >= 1, told


# Every width and every chip, but not each with each: `python -m tests.benchmarks.gpu --floor` compiles them all.
@pytest.mark.parametrize(
    ("name", "capability"),
    [
        *(("turbo", capability) for capability in (75, 86, 90, 120)),
        *(("tiny", capability) for capability in (80, 89)),
        *(("base", 86), ("small", 90), ("medium.en", 75)),
    ],
)
def test_one_row_fits(name, capability):
    check(name, 1, capability, torch.float16)


@pytest.mark.parametrize(("name", "capability"), [("turbo", 75), ("turbo", 89), ("tiny", 90)])
def test_five_beams_fit(name, capability):
    check(name, 5, capability, torch.float16)


@pytest.mark.parametrize(("dtype", "beams"), [(torch.bfloat16, 1), (torch.float32, 5)], ids=str)
def test_other_types_fit(dtype, beams):  # not on Turing, which knows no bfloat16
    check("base", beams, 86, dtype)


@pytest.mark.parametrize("name", SHAPES)
def test_the_launches_of_a_step_move_what_its_floor_says(name):
    shape = SHAPES[name]
    moved = sum(each.bytes for each in token_step(shape, tokens=60))
    assert moved == pytest.approx(floor_of(shape, tokens=60).bytes, rel=0.03)


@pytest.mark.parametrize(("beams", "norms"), [(1, 0), (5, 3)])
def test_a_layer_is_nine_launches_for_one_row(beams, norms):
    counted = Counter(each.name for each in token_step(SHAPES["turbo"], beams=beams))
    layers = SHAPES["turbo"].decoder_layers
    assert counted == {
        "add_norm": norms * layers + 1,
        "qkv": layers,
        "attend": 2 * layers,
        "meet": layers,
        "linear": 5 * layers,
        "best_of_block": 1,
        "best_of_blocks": 1,
    }

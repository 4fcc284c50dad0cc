"""How much memory an adaptation will take and how long a step, said before anything is begun.

Weights, gradients and moments are counted exactly. What is computed in between hangs on the sounds of a step: counted
are as many positions as a step has whose sounds are rather long. `tests/benchmarks/adapt_cost.py` measures both.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import torch
from torch.nn import functional

from engine.adapt.items import RECIPE
from engine.adapt.network import FROZEN, decoders
from engine.errors import ModelTooLarge
from engine.whisper.cuda.model.dims import Dims, is_matrix, shapes

GIB = 1 << 30
PROGRAM = 800 << 20  # Python, torch, sounds that are mapped: with tiny.en, what a run took beyond the rest
TOKENS = 60  # of an item's text, prompt included
SHORT = 300  # positions of an item: the student hears some 6 s
LONG = 800  # positions of an item, where most of a step's are rather long; beside them one of 30 s
_FLOAT, _HALF = 4, 2  # bytes
# Values a position or token leaves in a layer for the way back, in widths: two norms and what went in, three
# projections and what they found, four times as wide before and after GELU.
_KEPT = 17
_PASSING = 10  # values of a position while a layer is computed of which nothing is kept, in widths
_SPENT = 2.0  # multiplications in the step over those in its matrices: attention, norms, the optimiser; measured


@dataclass(frozen=True, slots=True)
class Plan:
    """What costs memory and time.

    Attributes:
        batch: Items of a step.
        at_once: Items whose gradients are computed at a time.
        half: Computing in 16 bits.
        checkpointing: What layers computed is computed again on the way back.
        lora: Rank of what is trained beside the weights; 0 trains the weights.
        processes: That share the work.
    """

    batch: int = 8
    at_once: int = 8
    half: bool = False
    checkpointing: bool = False
    lora: int = 0
    processes: int = 1


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that an adaptation takes, in each process.

    Attributes:
        models: Weights of student and original.
        learning: Gradients and moments.
        work: What is computed in between, at its largest.
    """

    models: int
    learning: int
    work: int

    @property
    def total(self) -> int:
        """All of it, with the program."""
        return self.models + self.learning + self.work + PROGRAM


def need(dims: Dims, plan: Plan) -> Need:
    """Return the memory that an adaptation takes."""
    own = decoders(dims)
    trained = sum(prod(shape) for name, shape in own.items() if name not in FROZEN)
    if plan.lora:
        matrices = [shape for name, shape in own.items() if is_matrix(name, shape) and name not in FROZEN]
        trained = sum(plan.lora * sum(shape) for shape in matrices)
    # The student's weights, a gradient, two moments. Several processes share the student, and not the original.
    student = (_count(own) + (trained if plan.lora else 0)) // plan.processes
    return Need(
        models=(student + _count(shapes(dims))) * _FLOAT,
        learning=3 * trained * _FLOAT // plan.processes,
        work=max(_taught(dims, plan), _learned(dims, plan)),
    )


def _count(parameters: Mapping[str, tuple[int, ...]]) -> int:
    return sum(map(prod, parameters.values()))


def _taught(dims: Dims, plan: Plan) -> int:
    """Return the bytes of what the original computes: 30 s of every item, nothing kept for a way back."""
    positions = plan.at_once * dims.positions
    layer = _PASSING * positions * dims.width
    memory = 2 * positions * dims.width * dims.decoder_layers
    cache = 2 * plan.at_once * dims.tokens * dims.width * dims.decoder_layers
    return (layer + memory + cache) * _FLOAT


def _learned(dims: Dims, plan: Plan) -> int:
    """Return the bytes of what the student keeps for the way back."""
    positions = min(plan.at_once * LONG + dims.positions, plan.at_once * dims.positions)
    tokens = plan.at_once * TOKENS
    encoder = _PASSING * dims.positions + positions  # one item at a time, of which the states alone are kept
    # A decoder's layer has a second attention, with keys and values of every position.
    decoder = _kept(dims.decoder_layers, _KEPT + 6, plan) * tokens + _kept(dims.decoder_layers, 2, plan) * positions
    looks = 3 * len(dims.alignment_heads) * TOKENS * positions * _FLOAT
    words = 4 * 64 * dims.vocabulary * _FLOAT
    return (encoder + decoder) * dims.width * (_HALF if plan.half else _FLOAT) + looks + words


def _kept(layers: int, values: int, plan: Plan) -> int:
    return layers + values if plan.checkpointing else layers * values


def refuse_too_large(dims: Dims, plan: Plan, free: int | None) -> None:
    """See that an adaptation fits into memory.

    Args:
        dims: Shape of the model.
        plan: What is wanted.
        free: Bytes that may be used; None where nobody knows.

    Raises:
        ModelTooLarge: It does not; the hint names the setting with which it would.
    """
    wanted = need(dims, plan).total
    if free is None or wanted <= free:
        return
    for option, other in _cheaper(plan):
        if (less := need(dims, other).total) <= free:
            hint = f"{option} needs {gigabytes(less)}."
            break
    else:
        hint = "Choose a smaller model, or close other programs."
    raise ModelTooLarge(f"this needs {gigabytes(wanted)} of memory, and {gigabytes(free)} are free", hint=hint)


def kept_bytes(dims: Dims, plan: Plan) -> int:
    """Return the bytes of a state on disk while the next one is written beside it: weights and moments, twice."""
    return 2 * need(dims, plan).learning * plan.processes


def left_bytes(dims: Dims) -> int:
    """Return the bytes of the folder that is left: float16 and int8."""
    return 3 * _count(shapes(dims)) + (16 << 20)


def _cheaper(plan: Plan) -> Iterator[tuple[str, Plan]]:
    """Yield plans that take less memory, the one first that costs least time; each with its options."""
    options: list[str] = []
    if plan.at_once > 2:
        plan = replace(plan, at_once=2)
        options.append("--at-once 2")
        yield " ".join(options), plan
    if not plan.checkpointing:
        plan = replace(plan, checkpointing=True)
        options.append("--checkpointing")
        yield " ".join(options), plan
    if plan.at_once > 1:
        plan = replace(plan, at_once=1)
        options = [*(option for option in options if not option.startswith("--at-once")), "--at-once 1"]
        yield " ".join(options), plan
    if not plan.lora:
        options.append("--lora 16")
        yield " ".join(options), replace(plan, lora=16)


def gigabytes(count: int) -> str:
    """Return bytes for a person."""
    return f"{count / GIB:.1f} GB"


def operations(dims: Dims, plan: Plan) -> float:
    """Return the multiplications of a step, in its matrices and over 30 s of sound."""
    layer = 12 * dims.width**2
    cross = 2 * dims.width**2
    encoded = dims.encoder_layers * (layer + 2 * dims.positions * dims.width)
    given = dims.decoder_layers * cross  # keys and values
    spoken = TOKENS * (dims.decoder_layers * (layer + cross) + dims.vocabulary * dims.width)
    learned = 4 if plan.checkpointing else 3  # forwards, twice as much backwards, and once more
    original = dims.positions * (encoded + given) + spoken
    student = SHORT * (encoded + learned * given) + learned * spoken
    return plan.batch * (original / RECIPE.views + student)


def step_s(dims: Dims, plan: Plan, rate: float) -> float:
    """Return about how long a step takes.

    Args:
        dims: Shape of the model.
        plan: What is wanted.
        rate: Multiplications a second of this machine; see `multiplications`.
    """
    return _SPENT * operations(dims, plan) / rate


def multiplications(dtype: torch.dtype = torch.float32) -> float:
    """Return how many multiplications a second this machine makes now, from a layer.

    Args:
        dtype: In which floats. A processor that lacks some makes them up, more slowly; how much, hangs on how the
            matrices lie: hence as in a layer, x · weightᵀ.
    """
    x, weight = torch.ones(1500, 384, dtype=dtype), torch.ones(1536, 384, dtype=dtype)
    functional.linear(x, weight)  # the first one wakes the threads
    began_s, rounds, spent_s = time.perf_counter(), 0, 0.0
    while spent_s < 0.2:
        functional.linear(x, weight)
        rounds += 1
        spent_s = time.perf_counter() - began_s
    return rounds * 1500 * 384 * 1536 / spent_s


def free_memory() -> int | None:
    """Return how many bytes programs may still take here, within the limits of a container; None where nobody knows."""
    found = [value for value in (_available(), _left_of_group(Path("/sys/fs/cgroup"))) if value is not None]
    return min(found, default=None)


def _available() -> int | None:
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1])
    with suppress(AttributeError, ValueError, OSError):  # not Linux; what is free is not told there
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return None


def _left_of_group(group: Path) -> int | None:
    """Return what a control group (version 2) leaves to its programs; files it has read can be forgotten."""
    try:
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        used = int((group / "memory.current").read_text(encoding="ascii"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
        return limit - used + int(stat.get("inactive_file", 0))
    except (OSError, ValueError):
        return None  # another system, or no limit ("max")

"""The GPU's kernels as each chip would get them, made on a machine that has none.

The operations are called on tensors without storage, with a record in the place of the launcher; what would have been
launched is compiled by Triton for a chip, and NVIDIA's own tools tell what the machine code takes.
"""

import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")
triton = pytest.importorskip("triton", reason="triton is not installed (comes with torch on Linux)")

from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.backends.nvidia.compiler import CUDABackend  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402
from triton.runtime.jit import native_specialize_impl  # noqa: E402

from engine.whisper.cuda.kernels.floor import POSITIONS, Launch, Shape  # noqa: E402
from engine.whisper.cuda.kernels.launches import KernelOperations  # noqa: E402
from engine.whisper.cuda.model.dims import Dims  # noqa: E402
from engine.whisper.cuda.model.weights import Checkpoint  # noqa: E402
from engine.whisper.cuda.model.whisper import Whisper  # noqa: E402

CUOBJDUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
MISSING = "constexpr"


@dataclass(frozen=True)
class Launched:
    """A launch that would have been.

    Attributes:
        kernel: Of Triton.
        grid: Programs, by axis.
        signature: Type of each argument, by name, as Triton specialises it.
        constants: By name.
        attributes: What is known of an argument, by its place.
        options: Warps, stages and registers.
        bytes: It moves, of weights, caches and what it is given.
    """

    kernel: object
    grid: tuple[int, ...]
    signature: dict[str, str]
    constants: dict[str, object]
    attributes: dict[tuple[int], object]
    options: dict[str, int]
    bytes: int

    @property
    def name(self) -> str:
        return self.kernel.__name__

    @property
    def programs(self) -> int:
        count = 1
        for axis in self.grid:
            count *= axis
        return count


@dataclass(frozen=True)
class Compiled:
    """A launch in a chip's machine code.

    Attributes:
        launch: As the floor model wants it.
        spilled: Bytes of a thread's memory that stand in for registers.
    """

    launch: Launch
    spilled: int


def launches(
    use: Callable[[KernelOperations], object], capability: int = 90, tokens: int | None = None
) -> list[Launched]:
    """Return what some use of the operations would launch on a chip.

    Args:
        use: Its tensors are on torch's device `meta`.
        capability: Of the chip.
        tokens: That are seen of a decoder's cache; all if it is not said.
    """
    made: list[Launched] = []

    def record(kernel, grid, arguments, constants, **options):
        given = dict(zip([parameter.name for parameter in kernel.params], arguments, strict=False))
        assert set(kernel.arg_names) == given.keys() | constants.keys()
        told = {name: native_specialize_impl(CUDABackend, value, False, True, True) for name, value in given.items()}
        signature = {name: told[name][0] if name in told else MISSING for name in kernel.arg_names}
        known = {name: value for name, value in given.items() if signature[name] == MISSING} | constants
        attributes = {
            (place,): CUDABackend.parse_attr(told[name][1])
            for place, name in enumerate(kernel.arg_names)
            if signature[name] != MISSING and told[name][1]
        }
        moved = _moved(given, constants, grid, tokens)
        made.append(Launched(kernel, grid, signature, known, attributes, options, moved))

    use(KernelOperations(record, capability))
    return made


def token_step(
    shape: Shape, *, beams: int = 1, windows: int = 1, tokens: int = 1, capability: int = 90, dtype: object = None
) -> list[Launched]:
    """Return the kernels that the model launches for one token of each row, and for the best token behind it.

    Args:
        shape: Of the model.
        beams: Rows of a window; more than one read their histories through `rows`.
        windows: That are decoded together.
        tokens: In each row's cache, the new one counted.
        capability: Of the chip.
        dtype: Of weights and caches, float16 unless told otherwise.
    """
    rows, dtype = beams * windows, dtype or torch.float16

    def use(operations):
        model = Whisper(_without_content(shape, dtype), torch.device("meta"), dtype, operations=operations)
        empty = partial(torch.empty, device="meta")
        moved = empty(rows, shape.tokens, dtype=torch.int32) if beams > 1 else None
        places = empty(rows, dtype=torch.int64)
        hidden, _ = model.step(places, places, model.cache(rows), model.memory(windows, POSITIONS), rows=moved)
        operations.best_token(hidden, model.embeddings, empty(shape.vocabulary, dtype=torch.bool))

    return launches(use, capability, tokens)


def _without_content(shape: Shape, dtype) -> Checkpoint:
    """Return a checkpoint whose tensors have shapes only. The encoder, which is none of the step, has no layers."""
    w = shape.width
    stacked = {"self_attention/linear_0": 3 * w, "/attention/linear_1": 2 * w, "ffn/linear_0": 4 * w}
    whole = {
        "encoder/position_encodings/encodings": (POSITIONS, w),
        "decoder/position_encodings/encodings": (shape.tokens, w),
        "decoder/embeddings/weight": (shape.vocabulary, w),
        "encoder/conv1/weight": (w, shape.mels, 3),
        "encoder/conv2/weight": (w, w, 3),
    }

    def tensor(name):
        layer, _, leaf = name.rpartition("/")
        outs = next((count for end, count in stacked.items() if layer.endswith(end)), w)
        ins = 4 * w if layer.endswith("ffn/linear_1") else w
        size = whole.get(name, (outs, ins) if leaf == "weight" else (outs,))
        return torch.empty(size, device="meta", dtype=dtype)

    dims = Dims(
        shape.mels,
        shape.vocabulary,
        w,
        shape.heads,
        0,
        shape.decoder_layers,
        POSITIONS,
        shape.tokens,
        alignment_heads=(),
    )
    return Checkpoint(dims, (), tensor)


def _moved(given, constants, grid, tokens) -> int:
    """Return the bytes of a launch: its tensors whole, but of caches what is seen or written."""
    caches = {name: value for name, value in given.items() if name in {"keys", "values"}}
    rest = sum(value.nbytes for name, value in given.items() if isinstance(value, torch.Tensor) and name not in caches)
    if not caches:
        return rest
    cache = caches["keys"]
    place = cache.element_size() * cache.shape[3]
    if "SPAN" in constants:  # attention: every head of every window
        seen = cache.shape[2] if cache.shape[2] == POSITIONS or tokens is None else tokens
        return rest + 2 * grid[1] * grid[2] * seen * place
    if "BEAMS" in constants:  # the scores of some heads
        return rest + grid[1] * grid[2] * cache.shape[2] * place
    return rest + 2 * cache.shape[0] * cache.shape[1] * place  # written: one place of each row


def compiled(launched: Launched, capability: int) -> Compiled:
    """Compile a launch for a chip, such as 90; Triton keeps what it has made in its own cache."""
    source = ASTSource(launched.kernel, launched.signature, launched.constants, launched.attributes)
    made = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=dict(launched.options))
    registers, spilled = _read(made.asm["cubin"], made.metadata.name)
    warps, shared = made.metadata.num_warps, made.metadata.shared
    return Compiled(Launch(launched.bytes, launched.programs, warps, registers, shared), spilled)


def _read(cubin: bytes, name: str) -> tuple[int, int]:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        told = subprocess.run(
            [CUOBJDUMP, "--dump-resource-usage", file.name], capture_output=True, text=True, check=True, timeout=60
        ).stdout
    found = dict(re.findall(r"\b(REG|STACK|LOCAL):(\d+)", told.split(f"Function {name}:")[1]))
    return int(found["REG"]), int(found["STACK"]) + int(found["LOCAL"])

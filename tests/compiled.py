"""The GPU's kernels as each chip would get them, made on a machine that has none.

The operations are called on tensors without storage, with a record in the place of the launcher; what would have been
launched is compiled by Triton for a chip, and NVIDIA's own tools tell what the machine code takes.
"""

import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")
triton = pytest.importorskip("triton", reason="triton is not installed (comes with torch on Linux)")

from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.backends.nvidia.compiler import CUDABackend  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402
from triton.runtime.jit import native_specialize_impl  # noqa: E402

from engine.whisper.cuda.kernels import KernelOperations  # noqa: E402

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
        options: Warps and stages.
    """

    kernel: object
    grid: tuple[int, ...]
    signature: dict[str, str]
    constants: dict[str, object]
    attributes: dict[tuple[int], object]
    options: dict[str, int]

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
class Resources:
    """What a program of a compiled kernel takes.

    Attributes:
        registers: Of a thread.
        spilled: Bytes of a thread's memory that stand in for registers.
        shared: Bytes of shared memory.
        warps: Of the program.
    """

    registers: int
    spilled: int
    shared: int
    warps: int


def launches(use: Callable[[KernelOperations], object], capability: int = 90) -> list[Launched]:
    """Return what some use of the operations would launch on a chip; its tensors are on torch's device `meta`."""
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
        made.append(Launched(kernel, grid, signature, known, attributes, options))

    use(KernelOperations(record, capability))
    return made


def compiled(launch: Launched, capability: int) -> Resources:
    """Compile a launch for a chip, such as 90, and return what a program takes."""
    source = ASTSource(launch.kernel, launch.signature, launch.constants, launch.attributes)
    made = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=dict(launch.options))
    registers, spilled = _read(made.asm["cubin"], made.metadata.name)
    return Resources(registers, spilled, made.metadata.shared, made.metadata.num_warps)


def _read(cubin: bytes, name: str) -> tuple[int, int]:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        told = subprocess.run(
            [CUOBJDUMP, "--dump-resource-usage", file.name], capture_output=True, text=True, check=True, timeout=60
        ).stdout
    found = dict(re.findall(r"\b(REG|STACK|LOCAL):(\d+)", told.split(f"Function {name}:")[1]))
    return int(found["REG"]), int(found["STACK"]) + int(found["LOCAL"])

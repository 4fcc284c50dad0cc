"""The processor behind the engine: streams, events, page-locked memory, graphs, late reads.

Nothing else in the engine says "cuda" but through a `Device`. There are two streams beside each other: *copy* brings
sound to the device, *compute* does everything else, in order. The host runs ahead of both and waits for nothing, but
where it reads a result: `fetch` starts the way back, `Pending.get` is the late read. Whoever has work that need not
wait for that asks for a device `beside` this one: the same, with two streams of its own.

    event = device.upload(staging, ring)           copy
    with device.compute(event):                    compute, once the sound is there
        graph.replay()
    pending = device.fetch(tokens)                 compute, then the way back
    ...                                            the host does something else
    tokens, = pending.get()                        the one wait

What must not be forgotten: tensors are made and used inside `compute()`, because torch's default stream is a third one
that nothing orders; host memory that goes to the device is page-locked and is left alone until the event of its upload
was waited for, by whatever comes after it; what a graph works on is made before the graph. Between two streams that
compute nothing but events makes order, and a tensor that both use lives until both are done: torch gives its memory on
to the stream that it was made on, the moment Python lets go of it. `recording.RecordingDevice` proves the order of a
program.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, Self, TypeAlias

import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import CudaUnavailable, EngineError, OutOfMemory

Function: TypeAlias = Callable[..., Tensor | Sequence[Tensor] | None]

# What the libraries say when a launch or the context has failed; torch raises them as AcceleratorError or RuntimeError.
_FAILED = re.compile(r"CUDA (driver )?error|CUDNN|cuDNN|CUBLAS|Triton Error \[CUDA\]|device-side assert|NVML")
_EXHAUSTED = re.compile(r"out of memory|not enough memory|can't allocate memory|ALLOC_FAILED", re.IGNORECASE)
_AGAIN = "Start Undertext again to use the GPU, or choose --device cpu."


class Event(Protocol):
    """A point on a stream."""

    def done(self) -> bool:
        """Tell whether the stream has come by, without waiting."""
        ...

    def wait(self) -> None:
        """Let the host wait until it has. Not for the live path."""
        ...


class Pending(Protocol):
    """Results on their way to the host."""

    def get(self) -> tuple[NDArray[Any], ...]:
        """Return them, once they are there: the one place of the live path where the host waits.

        Returns:
            An array for each tensor that was fetched. They belong to the caller.

        Raises:
            DeviceError: What was launched before has failed.
        """
        ...


class Graph(Protocol):
    """Launches that were recorded once and are started at once.

    Attributes:
        name: For people and profilers.
        inputs: The static tensors it reads its arguments from.
        outputs: The static tensors its results are written to.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def replay(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        """Run it on the compute stream of the device that captured it.

        Args:
            arguments: Copied into `inputs` first; or none, where these were filled by other means.

        Returns:
            `outputs`: good until the next replay, whatever other graphs do; for that device's stream.

        Raises:
            ValueError: Arguments are not of the shapes and dtypes that were captured.
            DeviceError: The device failed.
        """
        ...


class Device(Protocol):
    """Where a model computes.

    Every method raises `OutOfMemory` when memory is exhausted, and `CudaUnavailable` when the device has failed: then,
    and ever after, because a failed context computes nothing that can be trusted. One thread uses it.

    Attributes:
        name: As its maker calls it.
        capability: (major, minor) of what the chip can do; (0, 0) for a host.
        place: Where tensors are made: `torch.zeros(3, device=device.place)`.
        dtype: In which a model computes here.
    """

    name: str
    capability: tuple[int, int]
    place: torch.device
    dtype: torch.dtype

    @property
    def lost(self) -> str:
        """How the device failed; empty while it is good."""
        ...

    def beside(self, name: str) -> Self:
        """Return the same device with other streams, the one to compute behind all that this one's was given so far.

        Its graphs run there, and have memory of their own to work in. Its copies wait behind none of this one's. Memory
        and failures are shared. Where both have something to compute, this one goes first.

        Args:
            name: For people; asked for again, it is the same stream.
        """
        ...

    def page_locked(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Return host memory, zeroed, that the device can read and write by itself; `numpy()` of it is a view."""
        ...

    def upload(self, source: Tensor, target: Tensor, *after: Event) -> Event:
        """Start copying page-locked memory to the device on the copy stream, behind these events.

        Neither may be written, nor the target read, before the event that is returned.

        Raises:
            ValueError: Their shapes or dtypes differ, or the source is not page-locked.
        """
        ...

    def compute(self, *after: Event) -> AbstractContextManager[None]:
        """Put what is launched inside onto the compute stream, behind these events; translate torch's errors."""
        ...

    def mark(self) -> Event:
        """Return the point that the compute stream reaches when all that was launched so far is done."""
        ...

    def fetch(self, *tensors: Tensor) -> Pending:
        """Start copying results to the host, once compute has made them; what follows may overwrite the tensors.

        Any dtype that numpy knows (bfloat16 is none).
        """
        ...

    def capture(self, name: str, function: Function, *inputs: Tensor) -> Graph:
        """Run a function once, to warm it up, then record what it launches.

        What it changes is changed by that run, and not by the recording. It may touch no host memory, decide nothing by
        the value of a tensor, and keep no tensor that it makes: what is to be seen later it returns, or writes into
        tensors made before. Not for the live path: the device is waited for.

        Args:
            name: For people and profilers.
            function: Called with `inputs`; returns a tensor, several, or none.
            inputs: Static tensors; the caller may fill them between replays, inside `compute()`.
        """
        ...

    def range(self, name: str) -> AbstractContextManager[None]:
        """Name what is launched inside, for profilers (NVTX). `upload`, `fetch` and every replay are named already."""
        ...

    def finish(self) -> None:
        """Wait until everything is done, on all streams. For loading and measuring, not for the live path."""
        ...

    def release(self) -> None:
        """Give memory that is not in use back to the driver."""
        ...

    def free_bytes(self) -> int:
        """Return how much memory can still be had."""
        ...

    def total_bytes(self) -> int:
        """Return how much memory there is."""
        ...


class Guard:
    """Translates torch's errors, and refuses everything once the device has failed.

    Attributes:
        lost: How it failed; empty while it is good.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.lost = ""

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Guard what is inside.

        Raises:
            OutOfMemory: Memory is exhausted; the device is still good.
            CudaUnavailable: The device fails, or has failed before.
        """
        if self.lost:
            raise CudaUnavailable(self.lost, hint=_AGAIN)
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            translated = self._translated(error)
            if translated is None:
                raise
            raise translated from error

    def _translated(self, error: RuntimeError | MemoryError) -> EngineError | None:
        said = _first_line(error)
        before = error.__context__  # a capture that memory ran out under ends with an error of its own
        if _is_exhausted(error) or (before is not None and _is_exhausted(before)):
            return OutOfMemory(f"no memory left on {self._name} ({said})", hint="Choose a smaller model.")
        if isinstance(error, torch.AcceleratorError) or _FAILED.search(said):
            self.lost = f"{self._name} failed: {said}"
            return CudaUnavailable(self.lost, hint=_AGAIN)
        return None


class StaticCall:
    """A function of static tensors with static results: what a graph is made of, wherever it runs.

    Args:
        name: For people.
        function: Called with `inputs`.
        inputs: Static tensors.
    """

    def __init__(self, name: str, function: Function, inputs: tuple[Tensor, ...]) -> None:
        self.name = name
        self.inputs = inputs
        self._function = function
        self.outputs: tuple[Tensor, ...] = tuple(result.clone() for result in self._results())

    def __call__(self) -> None:
        """Run it; results go into `outputs`, which no other graph can overwrite."""
        for output, result in zip(self.outputs, self._results(), strict=True):
            output.copy_(result)

    def take(self, arguments: Sequence[Tensor]) -> None:
        """Copy arguments into `inputs`.

        Raises:
            ValueError: They are not what was captured.
        """
        if len(arguments) != len(self.inputs):
            raise ValueError(f"graph {self.name!r} takes {len(self.inputs)} tensors, not {len(arguments)}")
        for index, (static, given) in enumerate(zip(self.inputs, arguments, strict=True)):
            if static.shape != given.shape or static.dtype != given.dtype:
                raise ValueError(f"graph {self.name!r} takes {_shape(static)} as tensor {index}, not {_shape(given)}")
        for static, given in zip(self.inputs, arguments, strict=True):
            if static is not given:
                static.copy_(given, non_blocking=True)

    def _results(self) -> tuple[Tensor, ...]:
        results = self._function(*self.inputs)
        if results is None:
            return ()
        return (results,) if isinstance(results, Tensor) else tuple(results)


def check_upload(source: Tensor, target: Tensor) -> None:
    """Refuse a copy that is none.

    Raises:
        ValueError: Shapes or dtypes differ.
    """
    if source.shape != target.shape or source.dtype != target.dtype:
        raise ValueError(f"{_shape(source)} cannot be uploaded into {_shape(target)}")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(". ")


def _is_exhausted(error: BaseException) -> bool:
    memory = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    return memory or (isinstance(error, RuntimeError) and bool(_EXHAUSTED.search(_first_line(error))))


def _shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"

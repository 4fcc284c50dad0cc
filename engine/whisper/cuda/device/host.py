"""The processor as a device: everything happens at once, and the results are the same."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.whisper.cuda.device.protocol import Event, Function, Graph, Guard, Pending, StaticCall, check_upload


class HostDevice:
    """Computes on the processor in the order of the calls.

    It keeps to the manners of a GPU where a program could tell: `capture` runs the function once, a graph reads and
    writes static tensors, what was fetched is a copy.

    Args:
        dtype: In which a model computes.
        place: Where tensors are made: "cuda" under torch's `FakeTensorMode`, which knows shapes, dtypes and devices
            without one.
        memory_bytes: What it says it has, all of it free.
    """

    def __init__(self, dtype: torch.dtype = torch.float32, *, place: str = "cpu", memory_bytes: int = 8 << 30) -> None:
        self.name = "the processor"
        self.capability = (0, 0)
        self.place = torch.device(place)
        self.dtype = dtype
        self._memory_bytes = memory_bytes
        self._guard = Guard(self.name)

    @property
    def lost(self) -> str:
        """How the device failed; empty while it is good."""
        return self._guard.lost

    def beside(self, name: str) -> Self:  # noqa: ARG002  # there are no streams
        """Return this one: what is asked of either is done when it is asked."""
        with self._guard():
            return self

    def page_locked(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Return host memory, zeroed."""
        with self._guard():
            return torch.zeros(tuple(shape), dtype=dtype, device="cpu")

    def upload(self, source: Tensor, target: Tensor, *after: Event) -> Event:
        """Copy, now.

        Raises:
            ValueError: Their shapes or dtypes differ.
        """
        check_upload(source, target)
        with self._guard():
            _wait(after)
            target.copy_(source)
        return _Past()

    @contextmanager
    def compute(self, *after: Event) -> Iterator[None]:
        """Translate torch's errors inside."""
        with self._guard():
            _wait(after)
            yield

    def mark(self) -> Event:
        """Return a point that has passed."""
        with self._guard():
            return _Past()

    def fetch(self, *tensors: Tensor) -> Pending:
        """Copy, now."""
        with self._guard():
            return _Fetched(tuple(np.array(tensor.detach().cpu().numpy()) for tensor in tensors))

    def capture(self, name: str, function: Function, *inputs: Tensor) -> Graph:
        """Run a function once, and keep it."""
        with self._guard():
            return _HostGraph(StaticCall(name, function, inputs), self._guard)

    def range(self, name: str) -> AbstractContextManager[None]:  # noqa: ARG002  # there is no profiler
        """Name nothing."""
        return nullcontext()

    def finish(self) -> None:
        """Return: everything is done."""
        with self._guard():
            pass

    def release(self) -> None:
        """Give nothing back: nothing is kept."""

    def free_bytes(self) -> int:
        """Return what it was said to have."""
        return self._memory_bytes

    def total_bytes(self) -> int:
        """Return what it was said to have."""
        return self._memory_bytes


class _Past:
    def done(self) -> bool:
        return True

    def wait(self) -> None:
        pass


class _Fetched:
    def __init__(self, arrays: tuple[NDArray[Any], ...]) -> None:
        self._arrays = arrays

    def get(self) -> tuple[NDArray[Any], ...]:
        return self._arrays


class _HostGraph:
    def __init__(self, call: StaticCall, guard: Guard) -> None:
        self.name = call.name
        self.inputs = call.inputs
        self.outputs = call.outputs
        self._call = call
        self._guard = guard

    def replay(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        with self._guard():
            if arguments:
                self._call.take(arguments)
            self._call()
        return self.outputs


def _wait(events: Sequence[Event]) -> None:
    for event in events:
        event.wait()

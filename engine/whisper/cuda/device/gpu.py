"""An NVIDIA GPU as a device: torch's streams, events, page-locked memory and graphs, thinly."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from threading import Lock
from typing import Any, Self

import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import CudaUnavailable
from engine.whisper.cuda.device.presence import cuda_problem
from engine.whisper.cuda.device.protocol import Event, Function, Graph, Guard, Pending, StaticCall, check_upload

# One at a time, whatever the card: torch empties its cache of all cards before it records.
_CAPTURING = Lock()

# Of streams, lower goes first, and 0 is what any other has: a free processor takes waiting blocks of the first.
_FIRST, _BESIDE = -1, 0


class CudaDevice:
    """One GPU, with a stream for copies and one for everything else.

    Args:
        index: Which one, as the driver counts them.
        dtype: In which a model computes: float16, which every chip that is supported has tensor cores for.

    Raises:
        CudaUnavailable: There is no GPU that can be used.
    """

    def __init__(self, index: int = 0, dtype: torch.dtype = torch.float16) -> None:
        if problem := cuda_problem(index):
            raise CudaUnavailable(problem, hint="Use --device auto or --device cpu.")
        self.place = torch.device("cuda", index)
        self.dtype = dtype
        self.name = torch.cuda.get_device_name(index)
        self.capability = torch.cuda.get_device_capability(index)
        self._guard = Guard(self.name)
        self._beside: dict[str, Self] = {}
        with self._guard():
            self._copy = torch.cuda.Stream(self.place)
            self._compute = torch.cuda.Stream(self.place, priority=_FIRST)
            self._pool = torch.cuda.graph_pool_handle()

    @property
    def lost(self) -> str:
        """How the device failed; empty while it is good."""
        return self._guard.lost

    def beside(self, name: str) -> Self:
        """Return the same GPU with other streams, and another pool for its graphs.

        They are kept, because the libraries keep what they work in for each stream.
        """
        with self._guard():
            if name not in self._beside:
                self._beside[name] = other = copy(self)
                other._copy = torch.cuda.Stream(self.place)
                other._compute = torch.cuda.Stream(self.place, priority=_BESIDE)
                other._pool = torch.cuda.graph_pool_handle()
                other._beside = {}
            other = self._beside[name]
            other._compute.wait_stream(self._compute)
            return other

    def page_locked(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Return page-locked memory, zeroed."""
        with self._guard():
            return torch.zeros(tuple(shape), dtype=dtype, pin_memory=True)

    def upload(self, source: Tensor, target: Tensor, *after: Event) -> Event:
        """Start copying on the copy stream.

        Raises:
            ValueError: Their shapes or dtypes differ, or the source is not page-locked: the host would wait then.
        """
        check_upload(source, target)
        if not source.is_pinned():
            raise ValueError("only page-locked memory can be uploaded without waiting")
        with self._guard(), self.range("upload"), torch.cuda.stream(self._copy):
            self._follow(self._copy, after)
            target.copy_(source, non_blocking=True)
            target.record_stream(self._copy)
            return _CudaEvent(self._copy, self._guard)

    @contextmanager
    def compute(self, *after: Event) -> Iterator[None]:
        """Launch what is inside on the compute stream; translate torch's errors."""
        with self._guard(), torch.cuda.stream(self._compute):
            self._follow(self._compute, after)
            yield

    def mark(self) -> Event:
        """Record an event on the compute stream."""
        with self._guard():
            return _CudaEvent(self._compute, self._guard)

    def fetch(self, *tensors: Tensor) -> Pending:
        """Start copying into page-locked memory, on the compute stream: what follows may overwrite the tensors.

        The buffers come from torch's cache of page-locked memory, which keeps one until the copies from and to it that
        are under way have ended.
        """
        with self.range("fetch"), self.compute():
            buffers = tuple(torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True) for tensor in tensors)
            for buffer, tensor in zip(buffers, tensors, strict=True):
                buffer.copy_(tensor.detach(), non_blocking=True)
            return _OnItsWay(buffers, _CudaEvent(self._compute, self._guard))

    def capture(self, name: str, function: Function, *inputs: Tensor) -> Graph:
        """Run a function once on the compute stream, then record what it launches there.

        All graphs of a stream share one pool of memory. They may be replayed in any order, because no result is left in
        the pool; graphs of two streams, which may run at the same time, have nothing in common.
        """
        self.finish()  # what it works on may have been made on another stream
        with self.compute(), self.range(f"capture {name}"):
            call = StaticCall(name, function, inputs)
            graph = torch.cuda.CUDAGraph()
            # It waits for the device first. Other threads may go on; this one must not do what a graph cannot hold.
            with (
                _CAPTURING,
                torch.cuda.graph(graph, pool=self._pool, stream=self._compute, capture_error_mode="thread_local"),
            ):
                call()
            return _CudaGraph(self, call, graph)

    @contextmanager
    def range(self, name: str) -> Iterator[None]:
        """Name what is launched inside (NVTX)."""
        torch.cuda.nvtx.range_push(name)
        try:
            yield
        finally:
            torch.cuda.nvtx.range_pop()

    def finish(self) -> None:
        """Wait until everything is done."""
        with self._guard():
            torch.cuda.synchronize(self.place)

    def release(self) -> None:
        """Give memory that torch keeps for later back to the driver."""
        with self._guard():
            torch.cuda.empty_cache()

    def free_bytes(self) -> int:
        """Return what the driver has left, and what torch keeps of it without use."""
        with self._guard():
            free, _ = torch.cuda.mem_get_info(self.place)
            return int(free + torch.cuda.memory_reserved(self.place) - torch.cuda.memory_allocated(self.place))

    def total_bytes(self) -> int:
        """Return the memory of the chip."""
        with self._guard():
            return int(torch.cuda.mem_get_info(self.place)[1])

    @staticmethod
    def _follow(stream: torch.cuda.Stream, events: Sequence[Event]) -> None:
        for event in events:
            if not isinstance(event, _CudaEvent):
                raise TypeError(f"a stream cannot wait for a {type(event).__name__}")
            stream.wait_event(event.point)


class _CudaEvent:
    def __init__(self, stream: torch.cuda.Stream, guard: Guard) -> None:
        self.point = stream.record_event()
        self._guard = guard

    def done(self) -> bool:
        with self._guard():
            return bool(self.point.query())

    def wait(self) -> None:
        with self._guard():
            self.point.synchronize()


class _OnItsWay:
    def __init__(self, buffers: tuple[Tensor, ...], event: _CudaEvent) -> None:
        self._buffers = buffers
        self._event = event

    def get(self) -> tuple[NDArray[Any], ...]:
        self._event.wait()
        return tuple(buffer.numpy() for buffer in self._buffers)


class _CudaGraph:
    def __init__(self, device: CudaDevice, call: StaticCall, graph: torch.cuda.CUDAGraph) -> None:
        self.name = call.name
        self.inputs = call.inputs
        self.outputs = call.outputs
        self._device = device
        self._call = call
        self._graph = graph

    def replay(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        with self._device.range(self.name), self._device.compute():
            if arguments:
                self._call.take(arguments)
            self._graph.replay()
        return self.outputs

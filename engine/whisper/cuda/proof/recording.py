"""A device that writes down what it is asked, and proves that it would be right on a GPU.

It computes on the processor, at once, as `HostDevice` does. Every operation of torch inside its `with` is logged as a
launch on the stream that it would be launched on, with the bytes that it reads and writes; copies, events and waits
are logged as well. `order.faults` then says what could go wrong on a device that runs streams beside each other.

    with RecordingDevice() as device:
        recognizer = ...                       loaded and captured here
        with device.update("first window"):    waits for the device once
            recognizer.recognize(window)
    assert not device.faults()

What it finds besides: a captured function that reads back, branches on data, works on the host's memory, keeps what it
made, or would do something else at a replay; an operation that mixes memory of host and device; graphs of two streams
that work in one pool of memory, and may do so at the same time; memory that is let go of while another stream than the
one that made it may still be at work in it.

All memory is the processor's, so where it would be is told by how it was made: `page_locked` memory, and what torch
makes without a `device`, is the host's; all else is the device's. What the host writes to page-locked memory is found
by comparing it at every call: writing what was there already goes unseen. Work that the host does with torch is seen,
work with numpy is not; nor is a Triton kernel, so that the plain operations must stand in for them here.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from copy import copy
from typing import Any, Self

import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.whisper.cuda.device.host import HostDevice
from engine.whisper.cuda.device.protocol import Event, Function, Graph, Pending, StaticCall
from engine.whisper.cuda.proof.logbook import COMPUTE, COPY, Logbook, Run
from engine.whisper.cuda.proof.order import Act
from engine.whisper.cuda.proof.watching import Watch


class RecordingDevice:
    """Computes as `HostDevice` does, and logs it; a context manager: only what is inside is logged.

    Args:
        dtype: In which a model computes.

    Attributes:
        lane: Of what it computes.
        copies: The lane of what it uploads.
        pool: In which its graphs would make their memory.
    """

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        self._host = HostDevice(dtype)
        self.name, self.capability = self._host.name, self._host.capability
        self.place, self.dtype = self._host.place, dtype
        self._log = Logbook()
        self._watch = Watch(self._log.launched, self._log.read, self._log.is_of_host)
        self._open = ExitStack()
        self.lane, self.copies, self.pool = COMPUTE, COPY, f"the pool of {COMPUTE}'s graphs"

    def __enter__(self) -> Self:
        self._open.enter_context(self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        self._log.give_back()

    @property
    def acts(self) -> list[Act]:
        """The log."""
        return self._log.acts

    @property
    def lost(self) -> str:
        """How the device failed; empty while it is good."""
        return self._host.lost

    def faults(self) -> list[str]:
        """Return what would go wrong on a GPU, or could, a sentence each."""
        with self._watch.shut():
            return self._log.faults()

    @contextmanager
    def update(self, name: str, waits: int = 1) -> Iterator[None]:
        """Hold what is inside to let the host wait so many times, and not more or less."""
        waited: list[str] = []
        self._log.waits = waited
        try:
            yield
        finally:
            self._log.waits = None
        if len(waited) != waits:
            self._log.complaints.append(
                f"{name!r} waits {len(waited)} times for the device, not {waits}: {', '.join(waited)}"
            )

    def beside(self, name: str) -> Self:
        """Return the same device, which logs on lanes of this name."""
        forked = self.mark()
        other = copy(self)
        other.lane, other.copies, other.pool = name, f"{name}'s {COPY}", f"the pool of {name}'s graphs"
        self._log.lanes += [lane for lane in (other.lane, other.copies) if lane not in self._log.lanes]
        with other.compute(forked):
            return other

    def page_locked(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Return host memory, zeroed."""
        self._log.refuse_in_graph("page_locked")
        with self._watch.shut():
            memory = self._host.page_locked(shape, dtype)
            self._log.stage(memory)
        return memory

    def upload(self, source: Tensor, target: Tensor, *after: Event) -> Event:
        """Copy, and log it on the copy stream.

        Raises:
            ValueError: Their shapes or dtypes differ, or the source is not page-locked.
        """
        self._log.refuse_in_graph("upload")
        if not self._log.is_page_locked(source):
            raise ValueError("only page-locked memory can be uploaded without waiting")
        with self.range("upload"), self._watch.shut():
            self._host.upload(source, target)
            accesses = (self._log.access(source), self._log.access(target, writes=True))
            return _Event(self._log, self._log.event(self.copies, "upload", accesses, _numbers(after)))

    @contextmanager
    def compute(self, *after: Event) -> Iterator[None]:
        """Log what is inside on the compute stream; translate torch's errors."""
        if after:
            self._log.refuse_in_graph("a wait")
            self._log.event(self.lane, "wait", (), _numbers(after))
        before, self._log.lane = self._log.lane, self.lane
        try:
            with self._host.compute():
                yield
        finally:
            self._log.lane = before

    def mark(self) -> Event:
        """Log an event of the compute stream."""
        self._log.refuse_in_graph("mark")
        return _Event(self._log, self._log.event(self.lane, "mark"))

    def fetch(self, *tensors: Tensor) -> Pending:
        """Copy, and log it on the compute stream."""
        self._log.refuse_in_graph("fetch")
        with self.range("fetch"), self._watch.shut():
            arrays = self._host.fetch(*tensors).get()
            reads = tuple(self._log.access(tensor) for tensor in tensors)
            return _Fetched(arrays, _Event(self._log, self._log.event(self.lane, "fetch", reads)))

    def capture(self, name: str, function: Function, *inputs: Tensor) -> Graph:
        """Run a function once, and hold that run and all replays to what a graph can do."""
        self.finish()
        with self.range(f"capture {name}"), self.compute():
            graph = _Graph(self, self._log, name, function, inputs)
        self.finish()
        return graph

    def range(self, name: str) -> AbstractContextManager[None]:
        """Log the name with what is inside."""
        return self._log.range(name)

    def finish(self) -> None:
        """Log that the host waits for all streams."""
        self._log.refuse_in_graph("finish")
        self._log.wait("finish", [self._log.event(lane, "finish") for lane in self._log.lanes])

    def release(self) -> None:
        """Give nothing back: nothing is kept."""

    def free_bytes(self) -> int:
        """Return what `HostDevice` says."""
        return self._host.free_bytes()

    def total_bytes(self) -> int:
        """Return what `HostDevice` says."""
        return self._host.total_bytes()


class _Event:
    def __init__(self, log: Logbook, number: int) -> None:
        self.number = number
        self._log = log

    def done(self) -> bool:
        self._log.know("done", [self.number])
        return True

    def wait(self) -> None:
        self._log.wait("wait", [self.number])

    def get(self) -> None:
        self._log.wait("get", [self.number])


class _Fetched:
    """The buffer of the host that a fetch goes to is seen by nobody before `get`, so that it is not logged."""

    def __init__(self, arrays: tuple[NDArray[Any], ...], event: _Event) -> None:
        self._arrays = arrays
        self._event: _Event | None = event

    def get(self) -> tuple[NDArray[Any], ...]:
        if self._event is not None:
            self._event.get()
            self._event = None
        return self._arrays


class _Graph:
    def __init__(
        self, device: RecordingDevice, log: Logbook, name: str, function: Function, inputs: tuple[Tensor, ...]
    ) -> None:
        self.name = name
        self.inputs = inputs
        self._device = device
        self._log = log
        self._run = Run(name, device.pool)
        self._call = StaticCall(name, self._watched(function), inputs)
        self._captured = self._run.launched
        self.outputs = self._call.outputs
        log.judge(self._run)

    def replay(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        self._log.refuse_in_graph("replay")
        with self._device.range(self.name), self._device.compute():
            if arguments:
                self._call.take(arguments)
            self._run = Run(self.name, self._device.pool)
            self._call()
            self._log.replayed(self._run)
        self._log.judge(self._run)
        if self._run.launched != self._captured:
            self._log.complaints.append(
                f"graph {self.name!r} would not do at a replay what was captured: {self._difference()}"
            )
        return self.outputs

    def _watched(self, function: Function) -> Callable[..., Any]:
        def watched(*inputs: Tensor) -> Any:
            self._log.run = self._run
            try:
                return function(*inputs)
            finally:
                self._log.run = None

        return watched

    def _difference(self) -> str:
        now, then = self._run.launched, self._captured
        for new, old in zip(now, then, strict=False):
            if new != old:
                return f"{new}, not {old}"
        return f"{len(now)} launches, not {len(then)}"


def _numbers(events: Sequence[Event]) -> tuple[int, ...]:
    foreign = [type(event).__name__ for event in events if not isinstance(event, _Event)]
    if foreign:
        raise TypeError(f"a stream cannot wait for a {foreign[0]}")
    return tuple(event.number for event in events if isinstance(event, _Event))

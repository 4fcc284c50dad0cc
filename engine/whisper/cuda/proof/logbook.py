"""What a recording device writes down, and the rules that it holds a program to while it does."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.whisper.cuda.proof.buffers import Buffer, Buffers, Bytes, Kind, changed
from engine.whisper.cuda.proof.order import HOST, Access, Act, Range, faults
from engine.whisper.cuda.proof.watching import Launch

COMPUTE = "compute"
COPY = "copy"
DEFAULT = "torch's default stream"
REPLAY = "replay of "  # begins the name of the act that stands for the pool in which a graph works


@dataclass(slots=True)
class Run:
    """One run of a captured function.

    Attributes:
        graph: Its name.
        pool: In which a GPU would make its memory.
        launched: What it launched, each as a text to compare.
        made: Memory that it made.
    """

    graph: str
    pool: str
    launched: list[str] = field(default_factory=list)
    made: list[Buffer] = field(default_factory=list)


class Logbook:
    """The log, and what was found wrong while it was written.

    Attributes:
        acts: The log.
        complaints: What no order of the acts can mend.
        lane: On which torch launches now.
        run: The run of a captured function that is going on.
        ranges: That are open, the outermost first.
        waits: What the host waited for in this update; None outside.
        lanes: Of the device, all that there are.
    """

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.complaints: list[str] = []
        self.lane = DEFAULT
        self.run: Run | None = None
        self.ranges: list[Range] = []
        self._ranges = 0
        self.waits: list[str] | None = None
        self.lanes = [COMPUTE, COPY, DEFAULT]
        self._buffers = Buffers()
        self._lent: dict[str, Buffer] = {}  # to a stream that computes, by another that made it
        self._staging: list[tuple[str, Bytes, Bytes]] = []  # page-locked: name, memory, what was seen in it last
        self._events = 0

    def faults(self) -> list[str]:
        """Return what would go wrong on a GPU, or could, a sentence each."""
        self._see_host_writes()
        found = dict.fromkeys([*faults(self.acts), *self.complaints])
        return [re.sub(r"#\d+", lambda name: self._buffers.what(name[0]), fault) for fault in found]

    def stage(self, memory: Tensor) -> None:
        """Take page-locked memory: what the host writes to it is seen from now on."""
        name = self._buffers.add(memory, "page-locked", Kind.PAGE_LOCKED).name
        content: Bytes = memory.reshape(-1).view(torch.uint8).numpy()
        self._staging.append((name, content, content.copy()))
        if self.waits is not None:
            self.waits.append("page_locked")  # the driver may wait for all streams

    def is_page_locked(self, tensor: Tensor) -> bool:
        """Whether a tensor lies in memory that was staged."""
        return self._buffers.of(tensor).kind is Kind.PAGE_LOCKED

    def is_of_host(self, tensor: Tensor) -> bool:
        """Whether a tensor lies in the host's memory, page-locked or not."""
        return self._buffers.of(tensor).kind is not Kind.DEVICE

    def access(self, tensor: Tensor, *, writes: bool = False) -> Access:
        """Return what touching a tensor touches."""
        return self._buffers.access(tensor, writes=writes)

    @contextmanager
    def range(self, name: str) -> Iterator[None]:
        """Log what is inside as part of a range."""
        self._ranges += 1
        self.ranges.append(Range(name, self._ranges))
        try:
            yield
        finally:
            self.ranges.pop()

    def event(self, lane: str, name: str, accesses: tuple[Access, ...] = (), after: Sequence[int] = ()) -> int:
        """Log an act that can be waited for, and return its number."""
        self._see_host_writes()
        self._events += 1
        self._do(Act(lane, name, accesses, tuple(after), self._events, within=tuple(self.ranges)))
        return self._events

    def wait(self, name: str, events: Sequence[int]) -> None:
        """Log that the host waits."""
        self.know(name, events)
        if self.waits is not None:
            self.waits.append(name)
        if self.run is not None:
            self.complaints.append(f"{name!r} lets the host wait in graph {self.run.graph!r}")

    def know(self, name: str, events: Sequence[int]) -> None:
        """Log that the host knows of events, without having waited."""
        self._see_host_writes()
        self._do(Act(HOST, name, after=tuple(events), within=tuple(self.ranges)))

    def replayed(self, run: Run) -> None:
        """Log that a captured function has run, and has written its pool."""
        if size := sum(buffer.stop - buffer.start for buffer in run.made):
            self.event(self.lane, f"{REPLAY}{run.graph}", (Access(run.pool, ((0, size),), writes=True),))

    def give_back(self) -> None:
        """Log that memory which the program has let go of may be written again by the stream that made it."""
        for buffer in [each for each in self._lent.values() if not each.alive]:
            del self._lent[buffer.name]
            everything = Access(buffer.name, ((0, buffer.stop - buffer.start),), writes=True)
            self.acts.append(Act(buffer.lane, "reuse", (everything,)))

    def refuse_in_graph(self, name: str) -> None:
        """Complain if a captured function is running."""
        if self.run is not None:
            self.complaints.append(f"{name!r} cannot be captured, and stands in graph {self.run.graph!r}")

    def judge(self, run: Run) -> None:
        """Complain of memory that a captured function made and that is still there when it has ended."""
        kept = [buffer.name for buffer in run.made if buffer.alive]
        self.complaints += [f"graph {run.graph!r} keeps {name}, which it made itself" for name in kept]

    def launched(self, launch: Launch) -> None:
        """Log an operation of torch."""
        if launch.number:
            self._buffers.add(launch.makes[0], launch.name, Kind.HOST)
            return
        touched = self._touched(launch)
        sides = {buffer.kind is Kind.DEVICE for buffer in touched}
        on_host = sides == {False} or (not sides and launch.of_host)
        kind = Kind.HOST if on_host else Kind.DEVICE
        new = [tensor for tensor in launch.makes if tensor not in self._buffers]
        lane = HOST if on_host else self.lane
        made = [self._buffers.add(tensor, launch.name, kind, lane) for tensor in new]
        accesses = (
            *(self.access(tensor) for tensor in launch.reads if self._buffers.of(tensor) in touched),
            *(self._buffers.access(tensor, writes=True, fills=launch.fills) for tensor in launch.writes),
            *(self.access(tensor, writes=True) for tensor in launch.makes if not launch.empty),
        )
        if any(buffer.kind is Kind.PAGE_LOCKED for buffer in touched):
            self._see_host_writes()
        self._events += 1
        makes = tuple(buffer.name for buffer in made)
        self._do(Act(lane, launch.name, accesses, (), self._events, makes, tuple(self.ranges)))
        if self.run is not None:
            self._hold(self.run, launch, accesses, made, on_host=on_host)
        if (launch.waits and not on_host) or (len(sides) > 1 and self._blocks(launch, touched)):
            self.wait(launch.name, (self._events,))

    def read(self, name: str, tensor: Tensor) -> None:
        """Log that the host looks at a tensor by a way that torch does not dispatch."""
        if self._buffers.of(tensor).kind is Kind.DEVICE:
            self.wait(name, (self.event(self.lane, name, (self.access(tensor),)),))

    def _touched(self, launch: Launch) -> list[Buffer]:
        """Return the memory that decides on which side a launch is: a number of the host goes with it as a number."""
        tensors = (*launch.reads, *launch.writes)
        touched = [(tensor, self._buffers.of(tensor)) for tensor in tensors]
        large = [buffer for tensor, buffer in touched if tensor.ndim or buffer.kind is Kind.DEVICE or launch.copies]
        return large or [buffer for _, buffer in touched]

    def _blocks(self, launch: Launch, touched: list[Buffer]) -> bool:
        """Tell of an operation on memory of both sides whether the host waits for it; it may be none at all."""
        if not launch.copies:
            self.complaints.append(f"{launch.name!r} mixes memory of the host and of the device")
        elif self.run is not None:
            self.complaints.append(f"{launch.name!r} copies between host and device in graph {self.run.graph!r}")
        return not launch.asynchronous or any(buffer.kind is Kind.HOST for buffer in touched)

    def _hold(
        self, run: Run, launch: Launch, accesses: tuple[Access, ...], made: list[Buffer], *, on_host: bool
    ) -> None:
        """Hold a launch to what a graph can do."""
        if on_host:
            self.complaints.append(f"{launch.name!r} works on the host's memory in graph {run.graph!r}")
        if launch.branches:
            self.complaints.append(f"{launch.name!r} makes what is launched hang on data in graph {run.graph!r}")
        run.made += made
        inside = {buffer.name: f"made {n}" for n, buffer in enumerate(run.made)}
        places = [(inside.get(access.buffer, access.buffer), access.spans, access.writes) for access in accesses]
        numbers = [each.numpy()[()] for each in launch.reads if not each.ndim and self.is_of_host(each)]  # by value
        run.launched.append(f"{launch.name} {launch.settings} {numbers} {places}")

    def _do(self, act: Act) -> None:
        """Log an act, and whose memory it works on; what a copy works on torch keeps for it (`record_stream`)."""
        self.give_back()
        self.acts.append(act)
        if _computes(act.lane):
            buffers = filter(None, (self._buffers.named(access.buffer) for access in act.accesses))
            self._lent |= {each.name: each for each in buffers if _computes(each.lane) and each.lane != act.lane}

    def _see_host_writes(self) -> None:
        for name, memory, seen in self._staging:
            if written := changed(seen, memory):
                access = Access(name, written, writes=True)
                self.acts.append(Act(HOST, "host write", (access,), within=tuple(self.ranges)))
                seen[:] = memory


def _computes(lane: str) -> bool:
    return bool(lane) and lane not in {HOST, DEFAULT} and not lane.endswith(COPY)

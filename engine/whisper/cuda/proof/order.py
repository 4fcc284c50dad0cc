"""Whether work on several streams is in order, whatever the device's mood (pure).

A program is a list of acts in the order in which the host starts them. A stream does its acts one after another, each
some time after the host started it; the host goes on at once. An act may be put behind events, and may be one itself;
nothing else holds streams and host together. Two acts are in order if one happens before the other in every run; that
is told by vector clocks (Fidge, Mattern 1988): each lane knows how far it has surely got in every other.

`faults` says of a program what could go wrong in some run: bytes that are read before anything was written to them,
and two acts out of order that touch the same bytes, one of them to write.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

HOST = "the host"

Span: TypeAlias = tuple[int, int]  # first byte, one past the last


@dataclass(frozen=True, slots=True)
class Access:
    """Bytes of a buffer that an act touches.

    Attributes:
        buffer: Which.
        spans: Of bytes, sorted and apart.
        writes: Or reads.
        fills: All of these bytes are written, and so may be read afterwards. An act that picks places by their number
            writes somewhere in the spans and fills nothing.
    """

    buffer: str
    spans: tuple[Span, ...]
    writes: bool
    fills: bool = True


@dataclass(frozen=True, slots=True)
class Range:
    """A span of the program that has a name; the number tells it from others of that name."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that a stream or the host does.

    Attributes:
        lane: The stream, or `HOST`.
        name: For people.
        accesses: What it touches.
        after: Events that must have happened first.
        event: What it is an event of, if anybody may wait for it; each number is used once.
        makes: Buffers that begin here, with nothing in them. All others begin before the program, filled.
        within: Ranges in which it was started, the outermost first; for pictures.
    """

    lane: str
    name: str
    accesses: tuple[Access, ...] = ()
    after: tuple[int, ...] = ()
    event: int | None = None
    makes: tuple[str, ...] = ()
    within: tuple[Range, ...] = ()


Clock: TypeAlias = dict[str, int]  # acts of each lane that have surely happened


@dataclass(slots=True)
class _Past:
    """The newest touch of a kind: it is ordered only if all older ones are."""

    act: str
    number: int


@dataclass(slots=True)
class _Buffer:
    filled: list[Span] | None = None  # None: all of it, from the beginning
    touched: dict[tuple[str, bool, tuple[Span, ...]], _Past] = field(default_factory=dict)


def clocks(acts: Iterable[Act]) -> Iterator[tuple[Act, Clock]]:
    """Yield each act with what has surely happened once it has, itself counted: so many acts of each lane.

    Raises:
        ValueError: An act waits for an event that no act before it is.
    """
    lanes: dict[str, Clock] = {HOST: {}}
    events: dict[int, Clock] = {}
    for act in acts:
        yield act, dict(_advance(act, lanes, events))


def faults(acts: Iterable[Act]) -> list[str]:
    """Return what could go wrong, a sentence each; the same between the same acts only once.

    Raises:
        ValueError: An act waits for an event that no act before it is.
    """
    return list(dict.fromkeys(_faults(acts)))


def _faults(acts: Iterable[Act]) -> Iterator[str]:
    buffers: dict[str, _Buffer] = {}
    for act, clock in clocks(acts):
        for name in act.makes:
            buffers[name] = _Buffer(filled=[])
        for access in act.accesses:
            buffer = buffers.setdefault(access.buffer, _Buffer())
            if not access.writes and (spans := _missing(access.spans, buffer.filled)):
                yield f"{_doing(act, access)} before anything wrote bytes {_told(spans)}"
            yield from _clashes(act, access, buffer, clock)
        for access in act.accesses:
            buffer = buffers[access.buffer]
            buffer.touched[act.lane, access.writes, access.spans] = _Past(act.name, clock[act.lane])
            if access.writes and access.fills and buffer.filled is not None:
                buffer.filled = merged([*buffer.filled, *access.spans])


def _advance(act: Act, lanes: dict[str, Clock], events: dict[int, Clock]) -> Clock:
    """Let a lane do its next act, and return what has surely happened then."""
    clock = lanes.setdefault(act.lane, {})
    _join(clock, lanes[HOST])  # it cannot begin before the host has started it
    for event in act.after:
        if event not in events:
            raise ValueError(f"{act.name!r} waits for event {event}, which nothing is")
        _join(clock, events[event])
    clock[act.lane] = clock.get(act.lane, 0) + 1
    if act.event is not None:
        events[act.event] = dict(clock)
    return clock


def _join(clock: Clock, other: Clock) -> None:
    for lane, number in other.items():
        clock[lane] = max(clock.get(lane, 0), number)


def _clashes(act: Act, access: Access, buffer: _Buffer, clock: Clock) -> Iterator[str]:
    for (lane, writes, spans), past in buffer.touched.items():
        if not (writes or access.writes) or past.number <= clock.get(lane, 0):
            continue
        if shared := common(access.spans, spans):
            verb = "writing" if writes else "reading"
            yield f"{_doing(act, access)} while {past.act!r} on {lane} may still be {verb} bytes {_told(shared)}"


def _doing(act: Act, access: Access) -> str:
    return f"{act.name!r} on {act.lane} {'writes' if access.writes else 'reads'} {access.buffer}"


def _told(spans: Sequence[Span]) -> str:
    told = ", ".join(f"{start}–{stop}" for start, stop in spans[:3])
    return told if len(spans) <= 3 else f"{told}, …"


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the same bytes as sorted spans that do not touch."""
    result: list[Span] = []
    for start, stop in sorted(spans):
        if start >= stop:
            continue
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], stop))
        else:
            result.append((start, stop))
    return result


def common(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Return the bytes that both hold; each is sorted."""
    result = []
    i = j = 0
    while i < len(some) and j < len(others):
        start, stop = max(some[i][0], others[j][0]), min(some[i][1], others[j][1])
        if start < stop:
            result.append((start, stop))
        if some[i][1] < others[j][1]:
            i += 1
        else:
            j += 1
    return result


def _missing(spans: Sequence[Span], filled: list[Span] | None) -> list[Span]:
    """Return the bytes that are not filled."""
    if filled is None:
        return []
    result = []
    for start, stop in spans:
        at = start
        for begin, end in common([(start, stop)], filled):
            if at < begin:
                result.append((at, begin))
            at = end
        if at < stop:
            result.append((at, stop))
    return result

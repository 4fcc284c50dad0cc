"""The timeline of one live update on a GPU: what the host starts, what is copied, what is computed, who waits for whom.

    python -m tests.benchmarks.timeline                          the model tiny.en of the store
    python -m tests.benchmarks.timeline --model FOLDER --output build/timeline
    python -m tests.benchmarks.timeline --recordings             whole recordings: some rounds of their windows

With a GPU: torch's profiler, as a trace for chrome://tracing or Perfetto and as a picture, and how much of the copies
lies under computing, or of the encoder under the decoder. Without one: the order of the same, from the log of a
recording device; its picture shows who waits for whom, and says nothing of time. That of recordings shows each thing as
early as what it waits for allows, so that what stands above each other may run at the same time. `--rehearse` takes the
profiler's way on the processor.
"""

import argparse
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from desktop.known_speech import known_speech
from engine.models.store import Store
from engine.records import Window
from engine.settings import ENGLISH, EngineSettings
from engine.units import samples
from engine.whisper.cuda.device.gpu import CudaDevice
from engine.whisper.cuda.device.host import HostDevice
from engine.whisper.cuda.device.presence import cuda_problem
from engine.whisper.cuda.device.protocol import Device
from engine.whisper.cuda.kernels.operations import PLAIN
from engine.whisper.cuda.proof.logbook import COMPUTE, COPY, REPLAY
from engine.whisper.cuda.proof.order import HOST, Act
from engine.whisper.cuda.proof.recording import RecordingDevice
from engine.whisper.cuda.recognizer import CudaRecognizer
from engine.whisper.cuda.slots import Asked, CudaBatchRecognizer
from engine.whisper.cuda.sound.ahead import ENCODER
from engine.whisper.recognizer import Context

LANES = (HOST, COPY, COMPUTE)
BESIDE = (HOST, COPY, COMPUTE, ENCODER, f"{ENCODER}'s {COPY}")  # of recordings
STEP_S = 0.5  # between two updates
WARM = 1  # updates before the one that is drawn
_WAITS = ("get", "wait", "finish")  # of the host, in a recording
_OF_THE_HOST = {"host write": "writes", **dict.fromkeys(_WAITS, "waits")}
_SYNCHRONISED = ("cudaEventSynchronize", "cudaStreamSynchronize", "cudaDeviceSynchronize")
_UPDATE = "update"
_COLOURS = {HOST: "#c9d7e8", COMPUTE: "#b9dcb4", ENCODER: "#d5c3e6"}
_COPY_COLOUR = "#f3cf9b"
_SLOTS, _ROUNDS = 3, 4  # of recordings
_WAITING = "#e9a0a0"


@dataclass
class Box:
    """Something that a lane does.

    Attributes:
        lane: One of `BESIDE`.
        name: Of it.
        start: Microseconds, or its place in the order.
        length: In the same unit.
        launches: Acts that it is made of.
        times: How often the same is done one after another.
        waits: The host does nothing meanwhile.
        bytes: That are copied.
    """

    lane: str
    name: str
    start: float
    length: float = 1.0
    launches: int = 1
    times: int = 1
    waits: bool = False
    bytes: int = 0


@dataclass
class Picture:
    """What is drawn: boxes, and arrows from one to one that waits for it, by their numbers."""

    boxes: list[Box] = field(default_factory=list)
    arrows: list[tuple[int, int]] = field(default_factory=list)

    @property
    def lanes(self) -> list[str]:
        """From the top down."""
        used = {box.lane for box in self.boxes}
        return [lane for lane in BESIDE if lane in LANES or lane in used]

    def height(self, lane: str) -> float:
        """Return where a lane lies."""
        return float(len(self.lanes) - 1 - self.lanes.index(lane))


def ordered(acts: Iterable[Act]) -> Picture:
    """Return the order of a recorded update: a box for each range of each lane, in the order in which they begin."""
    picture = Picture()
    made: dict[int, int] = {}  # events → boxes
    last: dict[str, tuple[int, Any]] = {}  # of each lane: its newest box, and what that box stands for
    behind: dict[str, list[int]] = {}  # what the next box of a stream that computes waits for
    for act in acts:
        if (act.lane == HOST and act.name not in _OF_THE_HOST) or act.name.startswith(REPLAY):
            continue
        if _computes(act.lane) and act.name in {"wait", "mark"}:
            behind.setdefault(act.lane, []).extend(made[event] for event in act.after if event in made)
            if act.event is not None and act.lane in last:
                made[act.event] = last[act.lane][0]
            continue
        innermost = act.within[-1] if act.within else None
        # Names of replays and of what the device does by itself; the host's own acts go by what they are.
        name = _OF_THE_HOST[act.name] if act.lane == HOST else act.name if innermost is None else innermost.name
        if act.lane in last and (at := last[act.lane][0]) == len(picture.boxes) - 1 and picture.boxes[at].name == name:
            box = picture.boxes[at]
            box.launches += 1
            box.times += last[act.lane][1] != innermost
        else:
            at = len(picture.boxes)
            picture.boxes.append(Box(act.lane, name, at, waits=act.lane == HOST and act.name in _WAITS))
        last[act.lane] = at, innermost
        if not _computes(act.lane) and act.lane != HOST:
            picture.boxes[at].bytes += _bytes(act)
        if act.event is not None:
            made[act.event] = at
        sources = [made[event] for event in act.after if event in made]
        sources += behind.pop(act.lane, [])
        picture.arrows += [(source, at) for source in dict.fromkeys(sources) if source != at]
    picture.arrows = list(dict.fromkeys(picture.arrows))
    return picture


def _computes(lane: str) -> bool:
    return lane in {COMPUTE, ENCODER}


def soonest(picture: Picture) -> Picture:
    """Let each box of an order begin as soon as its lane is free, the host has come to it and its arrows end."""
    ends: dict[str, float] = {}
    waits: dict[int, list[int]] = {}
    for source, target in picture.arrows:
        waits.setdefault(target, []).append(source)
    for at, box in enumerate(picture.boxes):
        before = [picture.boxes[source] for source in waits.get(at, [])]
        box.start = max([ends.get(box.lane, 0.0), ends.get(HOST, 0.0), *(each.start + each.length for each in before)])
        ends[box.lane] = box.start + box.length
    return picture


def _bytes(act: Act) -> int:
    return sum(stop - start for access in act.accesses if access.writes for start, stop in access.spans)


def profiled(trace: dict[str, Any]) -> Picture:
    """Return the times of a profiled update, from torch's trace; microseconds since its first event."""
    events = [event for event in trace["traceEvents"] if event.get("ph") == "X" and "dur" in event]
    encoders = _encoders(events)
    found = [box for event in events if (box := _box(event, encoders)) is not None]
    first = min((box.start for box in found), default=0.0)
    for box in found:
        box.start -= first
    return Picture(list(_joined(sorted(found, key=lambda box: box.start))))


def _joined(boxes: Iterable[Box]) -> Iterator[Box]:
    """Yield boxes; one for ranges of a stream that computes that follow each other and have the same name."""
    named: dict[str, Box] = {}
    for box in boxes:
        if not _computes(box.lane) or not box.name:
            yield box
        elif (before := named.get(box.lane)) is not None and before.name == box.name:
            before.length = box.start + box.length - before.start
            before.times += 1
        else:
            named[box.lane] = box
            yield box


def _encoders(events: Iterable[dict[str, Any]]) -> set[Any]:
    """Return the streams that encode and write nothing."""
    named = [(event.get("tid"), event["name"]) for event in events if event.get("cat") == "gpu_user_annotation"]
    return {stream for stream, name in named if name.startswith("encode")} - {
        stream for stream, name in named if name.startswith("step")
    }


def _box(event: dict[str, Any], encoders: Collection[Any]) -> Box | None:
    """Return the box of a traced event, or None for what is not drawn."""
    category, name = event.get("cat", ""), event["name"]
    computing = ENCODER if event.get("tid") in encoders else COMPUTE
    if category == "kernel":
        return Box(computing, "", event["ts"], event["dur"])
    if category in {"gpu_memcpy", "gpu_memset"}:
        lane = COPY if category == "gpu_memcpy" and ("HtoD" in name or "DtoH" in name) else computing
        return Box(lane, "", event["ts"], event["dur"])
    if category in {"user_annotation", "gpu_user_annotation"}:
        lane = HOST if category == "user_annotation" else computing
        return (
            None if name.startswith("ProfilerStep") or name == _UPDATE else Box(lane, name, event["ts"], event["dur"])
        )
    if category == "cuda_runtime" and name in _SYNCHRONISED:
        return Box(HOST, "waits", event["ts"], event["dur"], waits=True)
    return None


def hidden(picture: Picture) -> float | None:
    """Return which share of the time of all copies lies under computing, or None where nothing is copied."""
    kernels = [box for box in picture.boxes if not box.name]
    computing = [box for box in kernels if _computes(box.lane)]
    return under([box for box in kernels if box.lane == COPY], computing)


def beside(picture: Picture) -> float | None:
    """Return which share of the encoder's time lies under the decoder's; of boxes where nothing was timed."""
    boxes = [box for box in picture.boxes if not box.name] or picture.boxes
    return under([box for box in boxes if box.lane == ENCODER], [box for box in boxes if box.lane == COMPUTE])


def under(some: Iterable[Box], others: Iterable[Box]) -> float | None:
    """Return which share of the time of some boxes others cover, or None where there are none."""
    mine, theirs = (_union((box.start, box.start + box.length) for box in boxes) for boxes in (some, others))
    total = sum(stop - start for start, stop in mine)
    covered = sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in mine for b in theirs)
    return covered / total if total else None


def _union(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    result: list[tuple[float, float]] = []
    for start, stop in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], stop))
        else:
            result.append((start, stop))
    return result


def draw(
    picture: Picture, path: Path, title: str, *, timed: bool, told: str = "order in which the host starts it"
) -> None:
    """Write a picture: lanes one above another, boxes from left to right.

    Args:
        picture: Of what.
        path: Where to.
        title: Above it.
        timed: Whether from left to right is time.
        told: What it is if not.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    end = max((box.start + box.length for box in picture.boxes), default=1.0)
    wide = 14 if timed else max(10.0, 0.85 * end)
    lanes = picture.lanes
    figure, axis = plt.subplots(figsize=(wide, 1.0 + 1.2 * len(lanes)), layout="constrained")
    for box in picture.boxes:
        _draw_box(axis, box, picture.height(box.lane), end, timed=timed)
    for source, target in picture.arrows:
        _draw_arrow(axis, picture, picture.boxes[source], picture.boxes[target])
    axis.set(xlim=(-0.01 * end, 1.01 * end), ylim=(-0.6, len(lanes) - 0.4), title=title)
    axis.set_yticks([picture.height(lane) for lane in lanes], lanes)
    if timed:
        axis.set_xlabel("µs")
    else:
        axis.set_xticks([])
        axis.set_xlabel(f"{told}, not time → arrows: waits for")
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_box(axis: Any, box: Box, at: float, end: float, *, timed: bool) -> None:
    named = bool(box.name)
    colour = _WAITING if box.waits else _COLOURS.get(box.lane, _COPY_COLOUR)
    if timed and _computes(box.lane) and named:  # a name over its kernels
        axis.plot([box.start, box.start + box.length], [at + 0.3] * 2, color="black", linewidth=1)
    else:
        margin = 0.0 if timed else 0.06
        axis.broken_barh(
            [(box.start + margin, box.length - 2 * margin)],
            (at - 0.25, 0.5),
            facecolor=colour,
            edgecolor="none" if timed and not named else "black",
            linewidth=0.5,
        )
    if not named or (timed and box.length < 0.03 * end):
        return
    told = _told(box) if not timed else _wrapped(f"{box.times} × {box.name}" if box.times > 1 else box.name)
    height = at + 0.33 if timed and _computes(box.lane) else at
    axis.text(
        box.start + box.length / 2,
        height,
        told,
        ha="center",
        va="bottom" if height != at else "center",
        fontsize=7.5,
        clip_on=True,
    )


def _told(box: Box) -> str:
    """Return what stands in a box of the order."""
    lines = [_wrapped(box.name)]
    if _computes(box.lane) and box.launches > 1:
        each = box.launches // box.times
        lines += [f"{box.times} × {each}" if box.times > 1 else f"{each}", "launches"]
    if box.bytes:
        lines.append(f"{box.bytes / 1024:.1f} KiB")
    return "\n".join(lines)


def _wrapped(name: str, width: int = 11) -> str:
    lines = [""]
    for word in name.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def _draw_arrow(axis: Any, picture: Picture, source: Box, target: Box) -> None:
    start, stop = source.start + 0.94 * source.length, target.start + 0.06
    below, above = picture.height(source.lane), picture.height(target.lane)
    lift = 0.25 if above > below else -0.25
    same = source.lane == target.lane
    axis.annotate(
        "",
        xy=(stop + 0.1, above - (0.27 if above > below else -0.27)),
        xytext=(start - 0.1, below + (-0.25 if same else lift)),
        arrowprops={"arrowstyle": "-|>", "color": "#555555", "linewidth": 1},
    )


class _Annotated:
    """Ranges that torch's profiler sees as well; beside a device."""

    @contextmanager
    def range(self, name: str) -> Iterator[None]:
        with torch.profiler.record_function(name), super().range(name):  # type: ignore[misc]
            yield


class _TracedGpu(_Annotated, CudaDevice):
    pass


class _TracedHost(_Annotated, HostDevice):
    pass


def updates(start_s: float = 0.0) -> list[Window]:
    """Return live updates of known speech as it grows, the last of all of it; elsewhere in time it is new sound."""
    speech = known_speech().samples
    lengths = [len(speech) - samples(STEP_S) * n for n in reversed(range(WARM + 1))]
    return [Window(speech[:length], samples(start_s), language=ENGLISH) for length in lengths]


def _warm(recognizer: CudaRecognizer) -> Window:
    """Let a recogniser capture what it needs, and return the next update."""
    *before, last = updates(60.0)
    for window in [*updates(), *before]:
        recognizer.recognize(window)
    return last


def record(folder: Path, context: Context) -> Picture:
    """Return the order of an update, by a device that records."""
    with RecordingDevice() as device:
        one_update = update(folder, context, device)
        begun = len(device.acts)
        one_update()
        acts = device.acts[begun:]
    return ordered(acts)


def recordings(folder: Path, context: Context, device: Device, operations: Any = PLAIN) -> Callable[[], None]:
    """Return what takes some rounds of whole recordings, once everything is captured."""
    settings = EngineSettings(beam=1)
    slots = CudaBatchRecognizer(folder, context, settings, device, slots=_SLOTS, operations=operations).slots
    speech = known_speech().samples
    waiting: list[Asked] = []
    take = lambda: waiting.pop() if waiting else None  # noqa: E731

    def submit() -> None:
        waiting.extend(Asked(Window(speech, 0, language=ENGLISH)) for _ in range(3 * _SLOTS))

    submit()
    while slots.round(take):
        pass
    submit()

    def some_rounds() -> None:
        for _ in range(_ROUNDS):
            slots.round(take)

    return some_rounds


def record_recordings(folder: Path, context: Context) -> Picture:
    """Return the order of some rounds of recordings, everything as early as may be."""
    with RecordingDevice() as device:
        some_rounds = recordings(folder, context, device)
        begun = len(device.acts)
        some_rounds()
        acts = device.acts[begun:]
    return soonest(ordered(acts))


def update(folder: Path, context: Context, device: Device, operations: Any = PLAIN) -> Callable[[], None]:
    """Return what takes a live update, once everything is captured."""
    recognizer = CudaRecognizer(folder, context, EngineSettings(), device, operations=operations)
    last = _warm(recognizer)

    def one_update() -> None:
        recognizer.recognize(last)

    return one_update


def profile(device: Device, act: Callable[[], None], trace: Path) -> Picture:
    """Write torch's trace of an act, and return its picture."""
    device.finish()
    kinds = [torch.profiler.ProfilerActivity.CPU]
    if device.place.type == "cuda":
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=kinds) as profiler:
        with torch.profiler.record_function(_UPDATE):
            act()
        device.finish()
    profiler.export_chrome_trace(str(trace))
    return profiled(json.loads(trace.read_text(encoding="utf-8")))


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the timeline of a model's update, or of its work on recordings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny.en", help="a name in the store, or a folder")
    parser.add_argument("--context", default="filled", help="what the encoder is shown: short, filled, padded")
    parser.add_argument("--output", type=Path, default=Path("build/timeline"))
    parser.add_argument("--models", type=Path, default=Path("build/models"), help="the model store")
    parser.add_argument("--recordings", action="store_true", help="whole recordings instead of a live update")
    parser.add_argument("--rehearse", action="store_true", help="the profiler's way on the processor")
    told = parser.parse_args(arguments)
    told.output.mkdir(parents=True, exist_ok=True)
    folder = Path(told.model) if Path(told.model).is_dir() else Store(told.models).find(told.model).path
    context, name = Context.named(told.context), "recordings" if told.recordings else _UPDATE
    image, trace = (told.output / f"{name}{suffix}" for suffix in (".png", ".json"))
    what = f"{_ROUNDS} rounds of whole recordings" if told.recordings else "one live update"
    problem = cuda_problem()
    if problem and not told.rehearse:
        picture = (record_recordings if told.recordings else record)(folder, context)
        order = {"told": "as early as its lane and its arrows allow"} if told.recordings else {}
        title = f"{what.capitalize()}, {folder.name}: order on a GPU. No GPU here: nothing is timed"
        draw(picture, image, title, timed=False, **order)
        waits = sum(box.times for box in picture.boxes if box.waits)
        print(f"{image}: the order of {what}, in which the host waits {waits} times. No GPU: {problem}.")
        return
    device: Device = _TracedHost() if told.rehearse else _TracedGpu()
    operations = PLAIN if told.rehearse else _kernels()
    act = (recordings if told.recordings else update)(folder, context, device, operations)
    picture = profile(device, act, trace)
    draw(picture, image, f"{what.capitalize()}, {folder.name}, on {device.name}", timed=True)
    copied, encoded = hidden(picture), beside(picture)
    print(
        f"{trace}, {image}: "
        + ("nothing was copied" if copied is None else f"{copied:.0%} of the copies lie under computing")
        + ("" if encoded is None else f", {encoded:.0%} of the encoder under the decoder")
    )


def _kernels() -> Any:
    from engine.whisper.cuda.kernels.launches import KERNELS

    return KERNELS


if __name__ == "__main__":
    main()

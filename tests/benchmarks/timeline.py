"""The timeline of one live update on a GPU: what the host starts, what is copied, what is computed, who waits for whom.

    python -m tests.benchmarks.timeline                          the model tiny.en of the store
    python -m tests.benchmarks.timeline --model FOLDER --output build/timeline

With a GPU: torch's profiler, as a trace for chrome://tracing or Perfetto and as a picture, and how much of the copies
lies under computing. Without one: the order of the same update, from the log of a recording device; its picture shows
who waits for whom, and says nothing of time. `--rehearse` takes the profiler's way on the processor.
"""

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
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
from engine.whisper.cuda.proof.logbook import COMPUTE, COPY
from engine.whisper.cuda.proof.order import HOST, Act
from engine.whisper.cuda.proof.recording import RecordingDevice
from engine.whisper.cuda.recognizer import CudaRecognizer
from engine.whisper.recognizer import Context

LANES = (HOST, COPY, COMPUTE)
STEP_S = 0.5  # between two updates
WARM = 1  # updates before the one that is drawn
_WAITS = ("get", "wait", "finish")  # of the host, in a recording
_OF_THE_HOST = {"host write": "writes", **dict.fromkeys(_WAITS, "waits")}
_SYNCHRONISED = ("cudaEventSynchronize", "cudaStreamSynchronize", "cudaDeviceSynchronize")
_UPDATE = "update"
_COLOURS = {HOST: "#c9d7e8", COPY: "#f3cf9b", COMPUTE: "#b9dcb4"}
_WAITING = "#e9a0a0"


@dataclass
class Box:
    """Something that a lane does.

    Attributes:
        lane: One of `LANES`.
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


def ordered(acts: Iterable[Act]) -> Picture:
    """Return the order of a recorded update: a box for each range of each lane, in the order in which they begin."""
    picture = Picture()
    made: dict[int, int] = {}  # events → boxes
    last: dict[str, tuple[int, Any]] = {}  # of each lane: its newest box, and what that box stands for
    behind: list[int] = []  # what the next box of the compute stream waits for
    for act in acts:
        if act.lane == HOST and act.name not in _OF_THE_HOST:
            continue
        if act.lane == COMPUTE and act.name in {"wait", "mark"}:
            behind += [made[event] for event in act.after if event in made]
            if act.event is not None and COMPUTE in last:
                made[act.event] = last[COMPUTE][0]
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
        if act.lane == COPY:
            picture.boxes[at].bytes += _bytes(act)
        if act.event is not None:
            made[act.event] = at
        sources = [made[event] for event in act.after if event in made]
        if act.lane == COMPUTE:
            sources, behind = [*sources, *behind], []
        picture.arrows += [(source, at) for source in dict.fromkeys(sources) if source != at]
    picture.arrows = list(dict.fromkeys(picture.arrows))
    return picture


def _bytes(act: Act) -> int:
    return sum(stop - start for access in act.accesses if access.writes for start, stop in access.spans)


def profiled(trace: dict[str, Any]) -> Picture:
    """Return the times of a profiled update, from torch's trace; microseconds since its first event."""
    events = [event for event in trace["traceEvents"] if event.get("ph") == "X" and "dur" in event]
    found = [box for event in events if (box := _box(event)) is not None]
    first = min((box.start for box in found), default=0.0)
    for box in found:
        box.start -= first
    return Picture(list(_joined(sorted(found, key=lambda box: box.start))))


def _joined(boxes: Iterable[Box]) -> Iterator[Box]:
    """Yield boxes; one for ranges of the compute stream that follow each other and have the same name."""
    named: Box | None = None
    for box in boxes:
        if box.lane != COMPUTE or not box.name:
            yield box
        elif named is not None and named.name == box.name:
            named.length = box.start + box.length - named.start
            named.times += 1
        else:
            named = box
            yield box


def _box(event: dict[str, Any]) -> Box | None:
    """Return the box of a traced event, or None for what is not drawn."""
    category, name = event.get("cat", ""), event["name"]
    if category == "kernel":
        return Box(COMPUTE, "", event["ts"], event["dur"])
    if category in {"gpu_memcpy", "gpu_memset"}:
        lane = COPY if category == "gpu_memcpy" and ("HtoD" in name or "DtoH" in name) else COMPUTE
        return Box(lane, "", event["ts"], event["dur"])
    if category in {"user_annotation", "gpu_user_annotation"}:
        lane = HOST if category == "user_annotation" else COMPUTE
        return (
            None if name.startswith("ProfilerStep") or name == _UPDATE else Box(lane, name, event["ts"], event["dur"])
        )
    if category == "cuda_runtime" and name in _SYNCHRONISED:
        return Box(HOST, "waits", event["ts"], event["dur"], waits=True)
    return None


def hidden(picture: Picture) -> float | None:
    """Return which share of the time of all copies lies under computing, or None where nothing is copied."""
    copies, kernels = (
        _union((box.start, box.start + box.length) for box in picture.boxes if box.lane == lane and not box.name)
        for lane in (COPY, COMPUTE)
    )
    total = sum(stop - start for start, stop in copies)
    under = sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in copies for b in kernels)
    return under / total if total else None


def _union(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    result: list[tuple[float, float]] = []
    for start, stop in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], stop))
        else:
            result.append((start, stop))
    return result


def draw(picture: Picture, path: Path, title: str, *, timed: bool) -> None:
    """Write a picture: lanes one above another, boxes from left to right."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    end = max((box.start + box.length for box in picture.boxes), default=1.0)
    wide = 14 if timed else max(10.0, 0.85 * end)
    figure, axis = plt.subplots(figsize=(wide, 4.6), layout="constrained")
    for box in picture.boxes:
        _draw_box(axis, box, end, timed=timed)
    for source, target in picture.arrows:
        _draw_arrow(axis, picture.boxes[source], picture.boxes[target])
    axis.set(xlim=(-0.01 * end, 1.01 * end), ylim=(-0.6, 2.6), title=title)
    axis.set_yticks([_height(lane) for lane in LANES], LANES)
    if timed:
        axis.set_xlabel("µs")
    else:
        axis.set_xticks([])
        axis.set_xlabel("order in which the host starts it, not time → arrows: waits for")
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _height(lane: str) -> float:
    return 2.0 - LANES.index(lane)


def _draw_box(axis: Any, box: Box, end: float, *, timed: bool) -> None:
    at, named = _height(box.lane), bool(box.name)
    colour = _WAITING if box.waits else _COLOURS[box.lane]
    if timed and box.lane == COMPUTE and named:  # a name over its kernels
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
    height = at + 0.33 if timed and box.lane == COMPUTE else at
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
    if box.lane == COMPUTE and box.launches > 1:
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


def _draw_arrow(axis: Any, source: Box, target: Box) -> None:
    start, stop = source.start + 0.94 * source.length, target.start + 0.06
    below, above = _height(source.lane), _height(target.lane)
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
        recognizer = CudaRecognizer(folder, context, EngineSettings(), device)
        last = _warm(recognizer)
        begun = len(device.acts)
        recognizer.recognize(last)
        acts = device.acts[begun:]
    return ordered(acts)


def profile(device: Device, folder: Path, context: Context, operations: Any, trace: Path) -> Picture:
    """Write torch's trace of an update, and return its picture."""
    recognizer = CudaRecognizer(folder, context, EngineSettings(), device, operations=operations)
    last = _warm(recognizer)
    device.finish()
    kinds = [torch.profiler.ProfilerActivity.CPU]
    if device.place.type == "cuda":
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=kinds) as profiler:
        with torch.profiler.record_function(_UPDATE):
            recognizer.recognize(last)
        device.finish()
    profiler.export_chrome_trace(str(trace))
    return profiled(json.loads(trace.read_text(encoding="utf-8")))


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the timeline of a model's update."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny.en", help="a name in the store, or a folder")
    parser.add_argument("--context", default="filled", help="what the encoder is shown: short, filled, padded")
    parser.add_argument("--output", type=Path, default=Path("build/timeline"))
    parser.add_argument("--models", type=Path, default=Path("build/models"), help="the model store")
    parser.add_argument("--rehearse", action="store_true", help="the profiler's way on the processor")
    told = parser.parse_args(arguments)
    told.output.mkdir(parents=True, exist_ok=True)
    folder = Path(told.model) if Path(told.model).is_dir() else Store(told.models).find(told.model).path
    context, image = Context.named(told.context), told.output / "update.png"
    problem = cuda_problem()
    if problem and not told.rehearse:
        picture = record(folder, context)
        draw(
            picture,
            image,
            f"One live update, {folder.name}: order on a GPU. No GPU here: nothing is timed",
            timed=False,
        )
        waits = sum(box.times for box in picture.boxes if box.waits)
        print(f"{image}: the order of an update, in which the host waits {waits} times. No GPU: {problem}.")
        return
    trace = told.output / "update.json"
    if told.rehearse:
        device, operations = _TracedHost(), _plain()
    else:
        device, operations = _TracedGpu(), _kernels()
    picture = profile(device, folder, context, operations, trace)
    draw(picture, image, f"One live update, {folder.name}, on {device.name}", timed=True)
    share = hidden(picture)
    print(
        f"{trace}, {image}: "
        + ("nothing was copied" if share is None else f"{share:.0%} of the copies lie under computing")
    )


def _plain() -> Any:
    from engine.whisper.cuda.kernels.operations import PLAIN

    return PLAIN


def _kernels() -> Any:
    from engine.whisper.cuda.kernels.launches import KERNELS

    return KERNELS


if __name__ == "__main__":
    main()

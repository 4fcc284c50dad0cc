"""How far the recordings are: a bar with speed and time left on a terminal, a line for each file elsewhere.

The standard output names what was written, a line each; everything else goes to the error stream.
"""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from engine.recordings import delivery
from engine.recordings.delivery import Delivered, Failed, Report, Skipped
from engine.recordings.places import Place
from engine.units import seconds


class Meter:
    """Counts what is done; pure but for its clock.

    How long a file is nobody knows before it is opened: work is measured by bytes, speed by sound.

    Args:
        sizes: Bytes of each recording.
        began_s: When the work began, in seconds of any clock.

    Attributes:
        failed: Recordings that could not be transcribed.
    """

    def __init__(self, sizes: Mapping[Place, int], began_s: float | None = None) -> None:
        self._sizes = {place: max(1, size) for place, size in sizes.items()}
        self._began_s = time.monotonic() if began_s is None else began_s
        self._total = float(sum(self._sizes.values()))
        self._bytes = self._sound_s = 0.0
        self._now: dict[Place, tuple[float, float]] = {}  # bytes and seconds of what is on its way
        self._skipped = self._done = 0
        self.failed = 0

    def take(self, report: Report) -> None:
        """Count what a report says."""
        match report:
            case delivery.Progress():
                share = min(1.0, report.done / report.length) if report.length else 0.0
                self._move(report.place, share, report.done - report.before)
            case Delivered():
                self._move(report.place, 1.0, report.length - report.before)
                del self._now[report.place]
                self._done += 1
            case Skipped():
                self._leave_out(report.place)
                self._skipped += 1
            case Failed():
                self._leave_out(report.place)
                self.failed += 1

    def _move(self, place: Place, share: float, heard: int) -> None:
        before = self._now.get(place, (0.0, 0.0))
        now = self._now[place] = self._sizes[place] * share, seconds(heard)
        self._bytes += now[0] - before[0]
        self._sound_s += now[1] - before[1]

    def _leave_out(self, place: Place) -> None:
        """What was not heard to its end takes no time from now on."""
        self._bytes -= self._now.pop(place, (0.0, 0.0))[0]
        self._total -= self._sizes[place]

    @property
    def fraction(self) -> float:
        """How much is done, 0..1."""
        return self._bytes / self._total if self._total > 0 else 1.0

    def speed(self, now_s: float | None = None) -> float:
        """Return seconds of sound a second."""
        return self._sound_s / max(1e-3, self._spent_s(now_s))

    def left_s(self, now_s: float | None = None) -> float | None:
        """Return how many seconds it will take; None while nobody can tell."""
        done = self.fraction
        return self._spent_s(now_s) * max(0.0, 1 - done) / done if done > 0 else None

    def summary(self, now_s: float | None = None) -> str:
        """Return all of it in a sentence."""
        heard_s = self._sound_s
        parts = [f"{_count(self._done, 'recording')} transcribed"]
        if heard_s:
            parts[0] += (
                f": {_clock(heard_s)} of sound in {_clock(self._spent_s(now_s))}, {self.speed(now_s):.1f} × real time"
            )
        if self._skipped:
            parts.append(f"{_count(self._skipped, 'recording')} done before (--again does them again)")
        if self.failed:
            parts.append(f"{_count(self.failed, 'recording')} failed")
        return "; ".join(parts)

    def _spent_s(self, now_s: float | None) -> float:
        return (time.monotonic() if now_s is None else now_s) - self._began_s


class View(Protocol):
    """Shows how far the recordings are."""

    def report(self, report: Report) -> None:
        """Show what became of a recording."""
        ...

    def note(self, sentence: str) -> None:
        """Write a remark of our own."""
        ...


@contextmanager
def view(meter: Meter) -> Iterator[View]:
    """Show the work of a block as the terminal allows."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield Lines(meter)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[pace]}", style="dim"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bar(meter, progress)


class Lines:
    """A line for every recording.

    Args:
        meter: Is told as well.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def report(self, report: Report) -> None:
        """Write what became of a recording."""
        self._meter.take(report)
        if isinstance(report, Delivered):
            for path in report.outputs:
                print(path, flush=True)
        if sentence := remark(report):
            self.note(sentence)

    def note(self, sentence: str) -> None:
        """Write a remark of our own."""
        print(f"undertext: {sentence}", file=sys.stderr, flush=True)


class Bar:
    """A bar for all of them, and below it a line for each that is done.

    Args:
        meter: Is told as well.
        progress: The bar.
    """

    def __init__(self, meter: Meter, progress: Progress) -> None:
        self._meter = meter
        self._progress = progress
        self._task = progress.add_task("loading the model", total=1.0, pace="")

    def report(self, report: Report) -> None:
        """Draw what became of a recording."""
        self._meter.take(report)
        left_s = self._meter.left_s()
        pace = f"{self._meter.speed():.0f} × real time" + (f", {_clock(left_s)} left" if left_s is not None else "")
        name = escape(report.place.recording.name)
        self._progress.update(self._task, description=name, completed=self._meter.fraction, pace=pace)
        if isinstance(report, Delivered):
            for path in report.outputs:
                self._progress.console.print(escape(str(path)), soft_wrap=True)
        if sentence := remark(report):
            self._progress.console.print(escape(sentence), style="yellow", soft_wrap=True)

    def note(self, sentence: str) -> None:
        """Write a remark of our own."""
        self._progress.console.print(escape(f"{sentence[:1].upper()}{sentence[1:]}."), soft_wrap=True)


def remark(report: Report) -> str:
    """Return what a person should know of a recording, beyond that it is done; mostly nothing."""
    match report:
        case Failed():
            return report.error.sentence
        case Skipped():
            return f"{report.place.recording} is done already"
        case Delivered() if not report.transcript.segments:
            return f"nobody speaks in {report.place.recording}: its transcript is empty"
    return ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _clock(length_s: float) -> str:
    return str(timedelta(seconds=round(length_s)))

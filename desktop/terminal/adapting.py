"""What `undertext adapt` says: what it will hear and take, then how far it is, then what came of it."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar

from desktop import paths
from desktop.terminal import INTERRUPTED
from engine.adapt.adaptation import Adaptation
from engine.adapt.corrections import RANK
from engine.adapt.crew import train_together
from engine.adapt.forecast import Plan, gigabytes, multiplications, need, step_s
from engine.adapt.library import Credit, Library
from engine.adapt.measure import Row
from engine.adapt.order import Order
from engine.adapt.run import Goal, Progress, Watch
from engine.adapt.training import Mixed
from engine.errors import AdaptationError
from engine.models.store import Store
from engine.settings import CPU

MADE_UP = 2.0  # times slower than float32, and more: floats that a processor has are no slower
NAMED = 5  # of the files that were passed over
QUIET_S = 60.0  # between two lines where nobody watches


def carry_out(options: argparse.Namespace, root: Path = Path("/")) -> int:
    """Do what was asked; return 0, or 130 if it was broken off.

    Args:
        options: As `desktop.terminal.adapt` declares them.
        root: Where Debian's packages are installed.

    Raises:
        EngineError: It cannot be done.
    """
    order = _order(options, root)
    try:
        adaptation = Adaptation(order, Store(paths.models()))
    except OSError as error:
        raise AdaptationError(
            f"{order.home} cannot be written: {error.strerror or error}",
            hint="Free space there, or let UNDERTEXT_HOME name another folder.",
        ) from error
    adaptation.refuse_impossible()
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with _bar(console) as show:
        library = adaptation.gather(lambda name, done, of: show(done / of, f"finding sounds: {name}", ""))
    for line in (*_heard(library, adaptation.credits), *_wanted(adaptation)):
        console.print(line, markup=False)
    with _bar(console) as show, until_told() as stop:
        watch = Watch(
            lambda progress: _tell(show, progress), lambda note: console.print(f"{note}.", markup=False), stop
        )
        progress = train_together(adaptation, watch)
    if progress is not None and progress.done < 1.0:
        console.print(
            f"Stopped after step {progress.figures.step}. What was learned is kept in {adaptation.work}: "
            "the same command goes on from there.",
            markup=False,
        )
        return INTERRUPTED
    _write(adaptation, console)
    return 0


def _order(options: argparse.Namespace, root: Path) -> Order:
    corrections = (options.transcripts or paths.transcripts()) if options.corrections else None
    return Order(
        model=options.model,
        out=options.out,
        home=paths.adaptations(),
        goal=Goal(options.steps, None if options.steps else 60 * options.minutes),
        audio=tuple(options.audio),
        work=options.keep_going,
        seed=options.seed,
        device=options.device,
        plan=Plan(
            batch=options.batch,
            at_once=min(options.at_once, options.batch),
            half=options.precision != Mixed.FLOAT32,
            checkpointing=options.checkpointing,
            lora=options.lora or (RANK if options.corrections else 0),
            processes=options.processes,
        ),
        mixed=Mixed(options.precision),
        root=root,
        corrections=corrections,
    )


def _heard(library: Library, heard: Sequence[Credit]) -> Iterator[str]:
    """Yield what will be heard, and what could not be had."""
    yield "It will hear, and the card will name:"
    for credit in heard:
        yield f"  {credit.hours:6.2f} h  {credit.kind.value:7}  {credit.source} ({credit.licence})"
    for unread in library.unread[:NAMED]:
        yield f"  passed over: {unread.name}: {unread.reason}"
    if len(library.unread) > NAMED:
        yield f"  passed over: {len(library.unread) - NAMED} more"
    if library.missing.line:
        yield f"More voices and sounds are to be had with: {library.missing.line}"


def _wanted(adaptation: Adaptation) -> Iterator[str]:
    """Yield what it will take."""
    order, dims = adaptation.order, adaptation.checkpoint.dims
    free = "" if adaptation.free is None else f" of {gigabytes(adaptation.free)} that are free"
    yield f"Memory: about {gigabytes(need(dims, order.plan).total)}{free}."
    if adaptation.device.type == CPU:
        rate = multiplications(order.mixed.dtype)
        yield from made_up(order.mixed, multiplications() / rate)
        one_s = step_s(dims, order.plan, rate)
        if order.goal.length_s is not None:
            steps = max(1, round(order.goal.length_s / one_s))
            yield f"Time: {_clock(order.goal.length_s)}, in which about {steps} steps of {order.plan.batch} items fit."
        elif order.goal.steps is not None:
            yield f"Time: about {_clock(order.goal.steps * one_s)} for {order.goal.steps} steps."
    yield f"The state is kept in {adaptation.work}, what comes of it in {order.out}."


def made_up(mixed: Mixed, slower: float) -> Iterator[str]:
    """Yield what a person should know of floats that take so many times as long as float32."""
    if slower >= MADE_UP:
        yield f"This processor computes {mixed} {slower:.0f} times more slowly than float32: leave --precision away."


def _write(adaptation: Adaptation, console: Console) -> None:
    console.print("Writing and measuring, row by row:", markup=False)
    try:
        adaptation.write(lambda row: console.print(f"  {_measured(row)}", markup=False))
    except OSError as error:
        raise AdaptationError(
            f"{adaptation.order.out} cannot be written: {error.strerror or error}",
            hint="Nothing is lost: free space, or mend it, and give the same command again.",
        ) from error
    except KeyboardInterrupt:
        console.print("Stopped. What was learned is kept: the same command writes it.", markup=False)
        raise
    print(adaptation.order.out, flush=True)
    console.print(f"Use it with: undertext caption mic --model {adaptation.order.out}", markup=False)


def _measured(row: Row) -> str:
    rate = "nothing said" if row.error_rate is None else f"{row.error_rate:.1f} % word errors"
    return f"{row.model}, shown {row.context}: {rate}, {row.loops} loops, {row.phantoms} words where nobody speaks"


def _tell(show: "Show", progress: Progress) -> None:
    figures = progress.figures
    loss = f"words {figures.words:.3f}, silence {figures.silence:.3f}, attention {figures.attention:.3f}"
    show(progress.done, f"step {figures.step}: {loss}", f"{_clock(progress.left_s)} left")


def _clock(length_s: float) -> str:
    return str(timedelta(seconds=round(length_s)))


Show = Callable[[float, str, str], None]
"""How much is done, 0…1, what is being done, and what else is to be said."""


@contextmanager
def _bar(console: Console) -> Iterator[Show]:
    """Show the work of a block: a bar on a terminal, a line a minute elsewhere."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[more]}"))
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("beginning", total=1.0, more="")
        yield lambda done, what, more: bar.update(task, completed=done, description=what, more=more)


class _Lines:
    """Writes how far it is, not more often than a person wants to read it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_s = console.get_time() + QUIET_S

    def __call__(self, done: float, what: str, more: str) -> None:
        if self._console.get_time() >= self._next_s:
            self._next_s = self._console.get_time() + QUIET_S
            self._console.print(f"{100 * done:.0f} %, {what}{more and ', '}{more}", markup=False)


@contextmanager
def until_told() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C and a polite end of the process end the block between two steps; the second one ends it at once."""
    told: list[int] = []

    def tell(number: int, _frame: FrameType | None) -> None:
        if told:
            raise KeyboardInterrupt
        told.append(number)
        print("\nundertext: stopping after this step; once more ends at once.", file=sys.stderr, flush=True)

    former = {number: signal.signal(number, tell) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(told)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)

"""The loop: steps until they are done or the time is over, and now and then everything on disk.

A run that is broken off goes on from the last state; its items hang on their number alone, so that it ends as one that
was never broken off. Where a time is given instead of a number of steps, how many it will be is the machine's matter.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from engine.adapt.records import Item
from engine.adapt.state import State, Work
from engine.adapt.training import Figures
from engine.errors import AdaptationError

EVERY_S = 60.0  # a state is kept
ENOUGH = 24  # sounds of which the original understands none: there is nothing to learn from it
DEAREST = 0.05  # of the time, at most, goes into keeping it


class Learner(Protocol):
    """What the loop drives; see `engine.adapt.training.Training`."""

    @property
    def made(self) -> int:
        """Steps so far."""
        ...

    def step(self, items: Sequence[Item], done: float) -> Figures:
        """Make the student a little better."""
        ...

    def state(self) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Return everything the next step depends on."""
        ...

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, float]) -> None:
        """Take it on."""
        ...


Draw = Callable[[int], Sequence[Item]]
"""The number of a step, from 0 → what is learned from."""


@dataclass(frozen=True, slots=True)
class Goal:
    """When a run is over.

    Attributes:
        steps: After so many, at least one; or
        length_s: when so many seconds were spent on it, over all runs.
    """

    steps: int | None = None
    length_s: float | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.length_s is None):
            raise ValueError("a run ends by its steps or by its time")

    def done(self, step: int, spent_s: float) -> float:
        """Return how much of the run is over, 0…1."""
        if self.length_s is not None:
            return min(1.0, spent_s / self.length_s)
        return min(1.0, step / (self.steps or step or 1))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        figures: Of the last step.
        done: How much of the run is over, 0…1.
        left_s: Seconds it will still take, at the pace of this run.
        spent_s: Seconds it took so far, over all runs.
    """

    figures: Figures
    done: float
    left_s: float
    spent_s: float


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on.

    Attributes:
        tell: Is told of every step.
        note: Takes a sentence that a person should read.
        stop: Whether the run is to end now; asked between steps.
        clock: Seconds.
        agree: Returns what the first of several processes has decided; called by all of them with what they think.
    """

    tell: Callable[[Progress], None] = lambda _progress: None
    note: Callable[[str], None] = lambda _sentence: None
    stop: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic
    agree: Callable[[Sequence[float]], Sequence[float]] = lambda thought: thought


def run(learner: Learner, draw: Draw, work: Work, goal: Goal, watch: Watch) -> Progress | None:
    """Take a run from its last state to its end, or to where it is stopped; what was reached is kept on disk.

    Args:
        learner: Learns.
        draw: Returns what it learns from.
        work: Held by the caller.
        goal: When it is over.
        watch: Who looks on.

    Returns:
        How far it came; None if it was over before.

    Raises:
        AdaptationError: The state is damaged, or one of another adaptation; or the original understands nothing.
    """
    state = work.load()
    if state is not None:
        learner.restore(state.tensors, state.numbers)
    before_s = state.spent_s if state is not None else 0.0
    keeper, lessons = _Keeper(work, learner, watch), _Lessons()
    began_s, progress = watch.clock(), None
    first = done = goal.done(learner.made, before_s)
    while True:
        over = done >= 1.0 or watch.stop()
        # Of several processes all do as the first does, or they would wait for each other.
        ends, keeps, done = watch.agree((over, over or keeper.due(), done))
        if keeps and progress is not None:
            keeper.keep(progress.spent_s)
        if ends:
            return progress
        figures = learner.step(draw(learner.made), done)
        lessons.heed(figures)
        here_s = watch.clock() - began_s
        done = goal.done(learner.made, before_s + here_s)
        progress = Progress(figures, done, here_s * (1 - done) / max(done - first, 1e-9), before_s + here_s)
        watch.tell(progress)


class _Lessons:
    """Counts what the original had to teach, until it had something."""

    def __init__(self) -> None:
        self._spoken = self._dropped = 0

    def heed(self, figures: Figures) -> None:
        self._spoken += figures.spoken
        self._dropped += figures.dropped
        if self._dropped == self._spoken >= ENOUGH:
            raise AdaptationError(
                f"the model understands nothing of {self._spoken} sounds, so that it has nothing to teach",
                hint="Name recordings of its language with --audio, or choose a model that captions them well.",
            )


class _Keeper:
    """Keeps states, not more often than they are worth."""

    def __init__(self, work: Work, learner: Learner, watch: Watch) -> None:
        self._work, self._learner, self._watch = work, learner, watch
        self._next_s = watch.clock() + EVERY_S

    def due(self) -> bool:
        return self._watch.clock() >= self._next_s

    def keep(self, spent_s: float) -> None:
        began_s = self._watch.clock()
        tensors, numbers = self._learner.state()
        try:
            self._work.keep(State(self._learner.made, spent_s, tensors, numbers))
        except OSError as error:  # what was learned goes on; only a crash would cost it now
            reason = error.strerror or error
            self._watch.note(f"the state cannot be kept in {self._work.folder}: {reason}. The last one stands")
        now_s = self._watch.clock()
        self._next_s = now_s + max(EVERY_S, (now_s - began_s) / DEAREST)

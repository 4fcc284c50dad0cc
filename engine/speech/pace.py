"""How to keep up when the machine is slower than the speech, and when to take back what was given up (pure).

The engine decodes what has come and finds, when it is done, what came meanwhile. Where a decode takes longer than the
sound that it brought, that grows without end; so something is given up, the dearest last (`Level`): the wide search at
the end of an utterance, half of the updates, the model. What is still too much is left out, the oldest first: no
decode may end later than `LATE_S` after its sound came, so that nothing waits longer than twice that.

What comes back comes back by steps, after a calm while, and only what would fit by what decodes were seen to take.
"""

import math
from collections import deque

from engine.records import Level
from engine.units import seconds

LATE_S = 5.0  # twice this is the longest delay there is; 12 s is what may never be reached
SPARE_S = 1.5  # of each look at what has come may go to sound that is later than that: a fast machine catches up
BEHIND_S = 2.4  # without once having caught up; a decode that takes half of it is told of in less than 5 s
WAITING_S = 0.25  # less than this always waits: it is how devices deliver
FLOOR_S = 1.0  # in less sound than this, Whisper hears nothing
USUAL_S = 5.0  # a window of running speech
FIT = 0.9  # share of the time that decoding may take when something is taken back
CALM_S = 4.0  # before the first step back
MODEL_CALM_S = 15.0  # before the chosen model comes back: two models spell differently
LONGEST_CALM_S = 120.0
RELAPSE_S = 60.0  # who falls behind so soon after a step back waits twice as long for the next
FORGET_S = 30.0  # what decodes took so long ago says nothing about now
_LEVELS = tuple(Level)


class Cost:
    """What decoding takes: a constant and a share of the window, from the last few decodes.

    The line through them. Where their windows hardly differ in length it is drawn towards what is likely: in proportion
    to the window for a model that is shown no more, much the same for one that is always shown 30 s.
    """

    _SEEN = 4  # few, so that a machine that has changed is soon known
    _LIKE = 0.1  # s²: windows whose lengths vary less tell little about the slope
    _PADDED = 0.2  # of the proportional slope

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque(maxlen=self._SEEN)
        self._fixed_s = self._share = self._mean_s = 0.0

    @property
    def known(self) -> bool:
        """Whether anything was decoded."""
        return bool(self._seen)

    def add(self, length_s: float, took_s: float, *, padded: bool = False) -> None:
        """A window of `length_s` took `took_s`; twice what was expected means that all before is out of date."""
        if took_s > 2 * self.of(length_s):
            self._seen.clear()
        self._seen.append((length_s, took_s))
        count = len(self._seen)
        length = sum(n for n, _ in self._seen) / count
        took = sum(c for _, c in self._seen) / count
        variance = sum((n - length) ** 2 for n, _ in self._seen) / count
        covariance = sum((n - length) * (c - took) for n, c in self._seen) / count
        proportional = took / max(length, 1e-3)
        likely = proportional * (self._PADDED if padded else 1.0)
        slope = (covariance + self._LIKE * likely) / (variance + self._LIKE)
        self._share = min(max(0.0, slope), proportional)
        self._fixed_s = max(0.0, took - self._share * length)
        self._mean_s = took

    def of(self, length_s: float) -> float:
        """Return the seconds that a window of `length_s` would take; 0 where nothing is known."""
        return self._fixed_s + self._share * length_s

    def at_most(self, length_s: float) -> float:
        """Return the same for the worse of two readings: that shorter windows took no less."""
        return max(self.of(length_s), self._mean_s)

    def longest(self, room_s: float) -> float:
        """Return the length in seconds of the longest window that takes at most `room_s`."""
        if room_s < self._fixed_s:
            return 0.0
        return (room_s - self._fixed_s) / self._share if self._share > 0 else math.inf


class Pace:
    """Decides what is given up. Without `arrived` no sound is ever late and nothing is.

    Args:
        step_s: Sound between two updates of the model that was chosen.
        lighter: Whether there may be a smaller model.

    Attributes:
        level: What is given up now.
    """

    def __init__(self, step_s: float, *, lighter: bool = False) -> None:
        self.level = Level.NORMAL
        self._step_s = step_s
        self._lightest = Level.LIGHTER if lighter else Level.SLOWER
        self._chosen, self._light = Cost(), Cost()
        self._ratio = 0.0  # how many times the chosen model's decode takes what the light one's does
        self._until = 0  # sound up to this sample
        self._at_s = 0.0  # had come by then
        self._caught_up_s = math.inf
        self._behind_s = -math.inf
        self._changed_s = self._returned_s = -math.inf  # the last change of level, and the last step back
        self._decoded_s = -math.inf
        self._calm_s = CALM_S

    @property
    def thorough(self) -> bool:
        """Whether the end of an utterance is worth a wider search and a second look."""
        return self.level is Level.NORMAL

    @property
    def stretch(self) -> int:
        """How many times as long as usual the step is."""
        return 2 if self.level in {Level.SLOWER, Level.LIGHTER} else 1

    def begin(self, waiting_s: float, at_s: float) -> None:
        """The engine looks what has come, and `waiting_s` of sound has waited for it: step down if that is too much."""
        if waiting_s < WAITING_S or self._caught_up_s > at_s:  # what waits for the first look came before the start
            self._caught_up_s = at_s
        else:
            length_s = min(waiting_s, self._cost.longest(LATE_S))
            self._judge(at_s, until_s=at_s + self._cost.of(length_s))

    def arrived(self, until: int, at_s: float) -> None:
        """All sound before sample `until` had come by `at_s`."""
        self._until, self._at_s = until, at_s

    def decoded(self, length: int, took_s: float, at_s: float, *, padded: bool = False) -> None:
        """A window of `length` samples took so long to decode, and was done at `at_s`."""
        light = self.level is Level.LIGHTER
        if light and not self._light.known:
            self._ratio = 0.0
        (self._light if light else self._chosen).add(seconds(length), took_s, padded=padded)
        if light and self._ratio == 0:
            self._ratio = self._chosen.of(USUAL_S) / max(self._light.of(USUAL_S), 1e-6)
        self._decoded_s = at_s

    def late_s(self, sample: int, at_s: float) -> float:
        """Return how long ago the sound before a sample had come, in seconds; 0 where it never waits."""
        return seconds(self._until - sample) + at_s - self._at_s if self._until else 0.0

    def longest_s(self, stop: int, at_s: float) -> float:
        """Return how long a window that ends at sample `stop` may be, in seconds; 0 where it must be left out."""
        late_s = self.late_s(stop, at_s)
        cost = self._cost
        if not self._until or not cost.known:
            return math.inf
        least_s = cost.of(FLOOR_S)
        room_s = max(LATE_S - late_s, SPARE_S - (at_s - self._at_s))
        if least_s <= room_s:
            return cost.longest(room_s)
        # Where even the shortest takes too long, what came just now is decoded: some text is better than none.
        return max(FLOOR_S, cost.longest(1.5 * least_s)) if late_s <= WAITING_S else 0.0

    def is_last_look(self, length: int) -> bool:
        """Whether the next window could not reach back to where this one of `length` samples begins."""
        cost, length_s = self._cost, seconds(length)
        if not self._until or not cost.known:
            return False
        took_s = cost.of(length_s)
        return length_s + took_s > cost.longest(LATE_S)

    def end(self, at_s: float) -> None:
        """All that had come was taken at `at_s`: step down, or back."""
        if self._judge(at_s, until_s=at_s):
            return
        calm_s = at_s - max(self._behind_s, self._changed_s)
        needed_s = max(self._calm_s, MODEL_CALM_S) if self.level is Level.LIGHTER else self._calm_s
        if self.level is not Level.NORMAL and calm_s > needed_s and self._would_fit(at_s):
            self._change(-1, at_s)
            self._returned_s = at_s

    def begin_anew(self) -> None:
        """Another processor decodes from now on: what decodes took says nothing, and its start kept sound waiting."""
        if self.level is Level.LIGHTER:
            self._light = Cost()
        else:
            self._chosen = Cost()
        self._caught_up_s = math.inf

    def forgo_lighter(self) -> None:
        """There is no smaller model after all."""
        self._lightest = Level.SLOWER
        if self.level is Level.LIGHTER:
            self.level = Level.SLOWER

    @property
    def _cost(self) -> Cost:
        return self._light if self.level is Level.LIGHTER else self._chosen

    def _judge(self, at_s: float, until_s: float) -> bool:
        """Step down if what has come is not taken before `until_s`, and that is too long; return whether it is."""
        if until_s - self._caught_up_s <= BEHIND_S:
            return False
        self._behind_s = at_s
        patience_s = 2 * BEHIND_S if self.level is Level.SLOWER else BEHIND_S
        if at_s - self._changed_s > patience_s and self.level is not self._lightest:
            self._fall_back(at_s)
        return True

    def _fall_back(self, at_s: float) -> None:
        relapsed = at_s - self._returned_s < RELAPSE_S
        self._calm_s = min(2 * self._calm_s, LONGEST_CALM_S) if relapsed else CALM_S
        self._change(1, at_s)

    def _change(self, by: int, at_s: float) -> None:
        self.level = _LEVELS[_LEVELS.index(self.level) + by]
        self._changed_s = at_s
        if self.level is Level.LIGHTER:
            self._light = Cost()

    def _would_fit(self, at_s: float) -> bool:
        """Whether updates would keep up one level higher."""
        if at_s - self._decoded_s > FORGET_S:
            return True
        light = self.level is Level.LIGHTER
        took_s = self._ratio * self._light.at_most(USUAL_S) if light else self._chosen.at_most(USUAL_S)
        return took_s <= FIT * self._step_s * (2 if light else 1)

"""How long a recogniser takes for what live captions ask of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from engine.records import Window
from engine.settings import ENGLISH
from engine.units import samples
from engine.whisper.recognizer import Recognizer
from engine.whisper.selftest import Clip

STEP_S = 0.5  # between two updates
FIRST_S = 2.5  # the shortest window


@dataclass(frozen=True, slots=True)
class Times:
    """What a clip took that was heard as it grows.

    Attributes:
        update_ms: An update while somebody speaks, median.
        slowest_ms: The slowest of them.
        close_ms: The end of an utterance, where the search is wide, median.
    """

    update_ms: float
    slowest_ms: float
    close_ms: float


def measure(
    recognizer: Recognizer, clip: Clip, *, rounds: int = 3, clock: Callable[[], float] = time.perf_counter
) -> Times:
    """Decode a clip again and again, as live captions would: it grows, and then it ends. One round more warms up."""
    lengths = range(samples(FIRST_S), len(clip.samples) + 1, samples(STEP_S))
    updates_ms, closes_ms = [], []
    for round_ in range(rounds + 1):
        # Elsewhere in time, so that nothing that is remembered of the sound makes it quicker than it would be.
        start = round_ * samples(60.0)
        growing = (Window(clip.samples[:length], start, language=ENGLISH) for length in lengths)
        updates_ms += [_took_ms(recognizer, window, clock) for window in growing]
        whole = Window(clip.samples, start, language=ENGLISH, thorough=True)
        closes_ms.append(_took_ms(recognizer, whole, clock))
    warm = updates_ms[len(lengths) :]
    return Times(median(warm), max(warm), median(closes_ms[1:]))


def _took_ms(recognizer: Recognizer, window: Window, clock: Callable[[], float]) -> float:
    began = clock()
    recognizer.recognize(window)
    return (clock() - began) * 1000

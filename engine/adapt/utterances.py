"""Long sound → utterances: where somebody speaks, as Silero's detector hears it, with a margin around."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np

from engine.adapt.tracks import Pcm, Span
from engine.recordings.cutting import SpeechFinder
from engine.records import Samples
from engine.speech.vad import FRAME, SpeechDetector
from engine.units import samples

LONGEST = samples(14)
MARGIN = samples(0.25)
BATCH = 512  # frames that the detector hears at a time


def utterances(pieces: Iterable[Pcm], detector: SpeechDetector) -> list[Span]:
    """Return where somebody speaks in sound that comes in pieces, in order, no part of it twice.

    Args:
        pieces: int16 [n] each, 16 kHz, end to end.
        detector: Its memory is cleared.
    """
    detector.reset()
    finder = SpeechFinder(LONGEST)
    length = 0
    found: list[tuple[int, int]] = []
    for frames, count in _frames(pieces):
        length += count
        found += finder.feed(detector.probabilities(frames), np.sqrt(np.mean(np.square(frames), axis=1)))
    found += finder.finish(length)
    gaps = [after[0] - before[1] for before, after in pairwise(found)]
    before = [found[0][0], *(gap // 2 for gap in gaps)] if found else []
    behind = [*(gap // 2 for gap in gaps), length]
    return [
        Span(start - min(MARGIN, early), min(stop + min(MARGIN, late), length))
        for (start, stop), early, late in zip(found, before, behind, strict=False)
    ]


def _frames(pieces: Iterable[Pcm]) -> Iterator[tuple[Samples, int]]:
    """Yield whole frames, float32 [k, 512], and how many samples of them are sound; the last is filled with silence."""
    left = np.empty(0, np.int16)
    for piece in pieces:
        left = np.concatenate([left, piece])
        while len(left) >= BATCH * FRAME:
            yield _float(left[: BATCH * FRAME]), BATCH * FRAME
            left = left[BATCH * FRAME :]
    if len(left):
        yield _float(np.pad(left, (0, -len(left) % FRAME))), len(left)


def _float(pcm: Pcm) -> Samples:
    return (pcm.astype(np.float32) / np.float32(32768)).reshape(-1, FRAME)

"""Where a recording is cut into windows (pure).

    frames (32 ms) with a speech probability and a loudness → spans of speech → windows of whole spans

Windows are filled with speech up to what a model is shown at once, and end in the longest silence of their last part.
Of a silence only a margin is kept on both sides. Somebody who speaks without any is cut where it is least loud. It is
all decided in one pass, as soon as it can be, so that no more than a window has to be kept of an hour.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from engine.records import Samples
from engine.settings import SpeechSettings
from engine.speech.vad import FRAME, Edge, Hysteresis
from engine.units import samples

Span = tuple[int, int]  # first sample, one past the last
Cut = tuple[Span, ...]  # a window: spans of the recording, in order, none touching the next

SPEECH = SpeechSettings(min_silence_s=0.3, pad_s=0.3)
MARGIN = samples(0.4)  # of silence around speech: consonants are quiet
SYLLABLE = 5  # frames, 160 ms: what is quiet for less is a consonant
BEHIND = samples(1.0)  # speech is noticed late


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long windows are.

    Attributes:
        most_s: No window is longer.
        full_s: One this long may end; it does in the longest silence from here to `most_s`.
        apart_s: Speech further apart than this never shares a window.
    """

    most_s: float
    full_s: float
    apart_s: float


class Cutter:
    """Frames in, windows out.

    Args:
        lengths: Of windows.
    """

    def __init__(self, lengths: Lengths) -> None:
        self._finder = SpeechFinder(samples(lengths.most_s) // 3)
        self._packer = Packer(lengths)

    @property
    def needed(self) -> int:
        """No window to come holds a sample before this one."""
        waiting = self._packer.first
        return max(0, (self._finder.first if waiting is None else waiting) - MARGIN)

    def feed(self, probabilities: Samples, loudness: Samples) -> Iterator[Cut]:
        """Take in the next frames and yield the windows that are decided.

        Args:
            probabilities: Of speech, float32 [n].
            loudness: In any unit that grows with it, float32 [n].
        """
        for span in self._finder.feed(probabilities, loudness):
            yield from self._packer.add(span)
        yield from self._packer.silence(self._finder.first)

    def finish(self, length: int) -> Iterator[Cut]:
        """Yield what is left of a recording of `length` samples."""
        for span in self._finder.finish(length):
            yield from self._packer.add(span)
        yield from self._packer.finish(length)


class SpeechFinder:
    """Frames → spans of speech, without margins; a long one is yielded in parts that touch.

    Args:
        longest: Samples of a part.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._hysteresis = Hysteresis(SPEECH)
        self._heard = 0
        self._loudness: list[float] = []  # of the frames from `first` on

    @property
    def first(self) -> int:
        """No span to come begins before this sample."""
        return self._hysteresis.started if self._hysteresis.speaking else max(0, self._heard - BEHIND)

    def feed(self, probabilities: Samples, loudness: Samples) -> Iterator[Span]:
        """Take in the next frames, as `Cutter.feed`, and yield the spans that have ended."""
        speech = self._hysteresis
        begun = self._heard - len(self._loudness) * FRAME
        self._loudness += loudness.tolist()
        for probability in probabilities.tolist():
            edge = speech.update(probability, self._heard)
            self._heard += FRAME
            if edge is Edge.ENDED:
                yield speech.started, speech.last_speech
            elif speech.speaking and self._heard - speech.started > self._longest:
                at = self._quietest(begun, speech.started + self._longest // 2, self._heard)
                yield speech.started, at
                speech.started = at
        del self._loudness[: (self.first - begun) // FRAME]

    def finish(self, length: int) -> Iterator[Span]:
        """Yield the last span of a recording of `length` samples."""
        speech = self._hysteresis
        if speech.speaking and speech.started < length:
            yield speech.started, min(speech.last_speech, length)

    def _quietest(self, begun: int, start: int, stop: int) -> int:
        """Return the end of the frame, between two samples, around which it is least loud."""
        first = (start - begun) // FRAME
        loudness = np.array(self._loudness[first : (stop - begun) // FRAME])
        smooth = np.convolve(loudness, np.ones(SYLLABLE), "valid")
        return begun + (first + int(np.argmin(smooth)) + SYLLABLE // 2) * FRAME


class Packer:
    """Spans of speech → windows.

    Args:
        lengths: Of windows.
    """

    def __init__(self, lengths: Lengths) -> None:
        self._most, self._full, self._apart = map(samples, (lengths.most_s, lengths.full_s, lengths.apart_s))
        self._spans: list[Span] = []
        self._before = 0  # where the speech of the window before ended

    @property
    def first(self) -> int | None:
        """The first sample of speech that waits; None where none does."""
        return self._spans[0][0] if self._spans else None

    def add(self, span: Span) -> Iterator[Cut]:
        """Take the next span and yield the windows that it completes."""
        self._spans.append(span)
        while len(self._spans) > 1:
            gaps = _gaps(self._spans)
            if gaps[-1] > self._apart:
                yield self._window(len(gaps))
            elif _length(self._spans) > self._most:
                yield self._window(self._best(gaps))
            else:
                return

    def silence(self, until: int) -> Iterator[Cut]:
        """Yield the window that waits, if nobody will have spoken for too long: not before sample `until`."""
        if self._spans and until - self._spans[-1][1] > self._apart:
            yield self._window(len(self._spans), until)

    def finish(self, length: int) -> Iterator[Cut]:
        """Yield the last window of a recording of `length` samples."""
        if self._spans:
            yield self._window(len(self._spans), length)

    def _best(self, gaps: Sequence[int]) -> int:
        """Return how many spans the next window holds."""
        fitting = [count for count in range(1, len(self._spans)) if _length(self._spans[:count]) <= self._most]
        full = [count for count in fitting if _length(self._spans[:count]) >= self._full]
        return max(reversed(full or fitting[-1:] or [1]), key=lambda count: gaps[count - 1])

    def _window(self, count: int, end: int = 0) -> Cut:
        """Take the first spans off, with their margins; `end` is where the sound ends that nobody speaks in."""
        spans, self._spans = self._spans[:count], self._spans[count:]
        earliest = (self._before + spans[0][0]) // 2 if self._before else 0
        latest = (spans[-1][1] + self._spans[0][0]) // 2 if self._spans else end
        self._before = spans[-1][1]
        return tuple(_with_margins(spans, earliest, latest))


def _with_margins(spans: Sequence[Span], earliest: int, latest: int) -> Iterator[Span]:
    """Yield spans with their margins, joined where those meet."""
    start = max(earliest, spans[0][0] - MARGIN)
    for before, after in pairwise(spans):
        if after[0] - before[1] > 2 * MARGIN:
            yield start, before[1] + MARGIN
            start = after[0] - MARGIN
    yield start, min(latest, spans[-1][1] + MARGIN)


def _gaps(spans: Sequence[Span]) -> list[int]:
    return [after[0] - before[1] for before, after in pairwise(spans)]


def _length(spans: Sequence[Span]) -> int:
    """Return the samples of a window of these spans, its margins included."""
    return 2 * MARGIN + sum(stop - start for start, stop in spans) + sum(min(gap, 2 * MARGIN) for gap in _gaps(spans))

"""From a media file to the windows that are worth hearing: decoder → speech detector → cutter."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.media import MediaSound
from engine.recordings.cutting import Cut, Cutter, Lengths, Span
from engine.records import Samples, Window, Word
from engine.speech.vad import FRAME, SpeechDetector

FULL_SCALE = np.float32(1 / 32768)
SPEAKING = 0.5  # probability from which a frame is speech


@dataclass(frozen=True, slots=True)
class Take:
    """One window of a recording.

    Attributes:
        number: From 0 on.
        spans: Where its sound lies in the recording, in order; silence between them was left out.
        sound: float32 [n], that sound.
        speech: The probability of each frame of the recording, from the one with `spans[0][0]` on.
    """

    number: int
    spans: Cut
    sound: Samples
    speech: Samples

    @property
    def window(self) -> Window:
        """All of it, to be recognised; its samples count from 0."""
        return Window(self.sound, 0, thorough=True)

    @property
    def whole(self) -> Span:
        """From its first sample in the recording to its last."""
        return self.spans[0][0], self.spans[-1][1]

    def after(self, at: int) -> "Take | None":
        """Return what of it comes after a sample of the recording; None where nothing does."""
        return self.between(at, self.whole[1]) if at < self.whole[1] else None

    def between(self, start: int, stop: int) -> "Take":
        """Return what of it lies between two samples of the recording, where it has some."""
        spans = [(max(start, first), min(stop, last)) for first, last in self.spans if first < stop and last > start]
        origin = self.spans[0][0] // FRAME
        speech = self.speech[spans[0][0] // FRAME - origin : -(-spans[-1][1] // FRAME) - origin]
        before = 0
        sound = []
        for first, last in self.spans:
            sound.append(self.sound[before + max(start - first, 0) : before + min(stop, last) - first])
            before += last - first
        return Take(self.number, tuple(spans), np.concatenate([part for part in sound if len(part)]), speech)

    def halves(self) -> "tuple[Take, Take]":
        """Return it in two, cut where nobody speaks, as near to its middle as that can be had."""
        start, stop = self.whole
        at = self.pause((start + stop) // 2, (stop - start) // 6)
        return self.between(start, at), self.between(at, stop)

    def pause(self, at: int, reach: int) -> int:
        """Return a sample at which nobody speaks, no further than `reach` from another, and as near to it as can be."""
        first, last = max(self.whole[0], at - reach), min(self.whole[1], at + reach)
        frames = self._frames(first, last)
        if not len(frames):
            return at
        places = np.minimum(first + FRAME * np.arange(len(frames)), last)
        return int(places[np.argmin(frames + 0.2 * np.abs(places - at) / reach)])

    def placed(self, word: Word) -> Word:
        """Return a word of the window as one of the recording: silence that was left out parts none."""
        before = 0
        for start, stop in self.spans:
            if before + stop - start > (word.start + word.stop) // 2 or stop == self.spans[-1][1]:
                offset = start - before
                first, last = (min(max(at + offset, start), stop) for at in (word.start, word.stop))
                return Word(word.text, first, last, word.probability)
            before += stop - start
        raise AssertionError("a window has spans")

    def heard(self, start: int, stop: int) -> float:
        """Return the highest speech probability between two samples of the recording."""
        return float(self._frames(start, stop).max(initial=0.0))

    def spoken(self, start: int, stop: int) -> int:
        """Return how many samples between two of the recording are speech."""
        return FRAME * int(np.count_nonzero(self._frames(start, stop) >= SPEAKING))

    def _frames(self, start: int, stop: int) -> Samples:
        origin = self.spans[0][0] // FRAME
        return self.speech[max(0, start // FRAME - origin) : max(0, -(-stop // FRAME) - origin)]


class Listening:
    """Yields the takes of one file; no more of its sound is kept than the next one may need.

    Args:
        path: A media file.
        detector: Hears speech; of nobody else while this listens.
        lengths: Of windows.

    Attributes:
        length: Samples that the file says it has; None where it does not say.
        heard: Samples that were decoded so far.

    Raises:
        MediaUnreadable: As `MediaSound`.
    """

    def __init__(self, path: Path, detector: SpeechDetector, lengths: Lengths) -> None:
        self._media = MediaSound(path)
        self._detector = detector
        self._cutter = Cutter(lengths)
        self._sound: NDArray[np.int16] = np.zeros(0, np.int16)
        self._speech: Samples = np.zeros(0, np.float32)
        self._first = 0  # sample where `_sound` and `_speech` begin: of a frame
        self.length = self._media.length
        self.heard = 0

    def close(self) -> None:
        """Let go of the file."""
        self._media.close()

    def takes(self) -> Iterator[Take]:
        """Yield the takes, in order.

        Raises:
            MediaUnreadable: The decoder failed.
        """
        self._detector.reset()
        yield from (self._take(number, cut) for number, cut in enumerate(self._cuts()))

    def _cuts(self) -> Iterator[Cut]:
        while len(block := self._media.read()):
            self._sound = np.concatenate([self._sound, block])
            self.heard += len(block)
            yield from self._cutter.feed(*self._listen(self.heard // FRAME))
            self._forget()
        if self.heard % FRAME:
            self._sound = np.concatenate([self._sound, np.zeros(FRAME - self.heard % FRAME, np.int16)])
            yield from self._cutter.feed(*self._listen(self.heard // FRAME + 1))
        yield from self._cutter.finish(self.heard)

    def _listen(self, until: int) -> tuple[Samples, Samples]:
        """Return speech probability and loudness of the frames up to one that were not listened to yet."""
        done = self._first // FRAME + len(self._speech)
        new = slice(done * FRAME - self._first, until * FRAME - self._first)
        frames = _floats(self._sound[new]).reshape(-1, FRAME)
        if not len(frames):
            return frames[:, 0], frames[:, 0]
        probabilities = self._detector.probabilities(frames)
        self._speech = np.concatenate([self._speech, probabilities])
        loudness: Samples = np.sqrt(np.mean(np.square(frames), axis=1))
        return probabilities, loudness

    def _take(self, number: int, cut: Cut) -> Take:
        sound = [self._sound[start - self._first : stop - self._first] for start, stop in cut]
        first, last = cut[0][0] // FRAME, -(-cut[-1][1] // FRAME)
        origin = self._first // FRAME
        speech = self._speech[first - origin : last - origin]
        return Take(number, cut, _floats(np.concatenate(sound)), speech)

    def _forget(self) -> None:
        """Drop the frames that no window to come can hold."""
        frames = self._cutter.needed // FRAME - self._first // FRAME
        if frames > 0:
            self._sound, self._speech = self._sound[frames * FRAME :].copy(), self._speech[frames:].copy()
            self._first += frames * FRAME


def _floats(sound: NDArray[np.int16]) -> Samples:
    return sound.astype(np.float32) * FULL_SCALE

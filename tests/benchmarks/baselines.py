"""What Undertext is measured against: the ways in which Whisper is commonly made live, and Whisper offline.

The live ones look like a `Pipeline` to `clock.play` and write the same events. Sampling temperature is 0 in all of
them: falling back to sampling would cost the live ones seconds, and no two runs would agree.
"""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

import numpy as np
from faster_whisper import WhisperModel

from engine.audio.resample import Resampler
from engine.records import AudioBlock, Caption, Word
from engine.settings import SegmentSettings
from engine.speech.segments import Segments
from engine.units import SAMPLE_RATE
from engine.units import samples as in_samples

OFFLINE = {
    "greedy": {"beam_size": 1, "condition_on_previous_text": False},
    "beam 5": {"beam_size": 5, "condition_on_previous_text": False},
    "beam 5, previous text": {"beam_size": 5, "condition_on_previous_text": True},
}


def offline(model: WhisperModel, samples: np.ndarray, language: str, setting: str) -> str:
    """Return the transcript of a whole recording."""
    found, _ = model.transcribe(samples, language=language, temperature=0, **OFFLINE[setting])
    return "".join(segment.text for segment in found).strip()


class _Buffered:
    """What both share: sound that has come and not gone, and what was heard in it."""

    def __init__(self, model: WhisperModel, language: str) -> None:
        self._model = model
        self._language = language
        self._resampler = Resampler(SAMPLE_RATE)
        self._buffer = np.zeros(0, np.float32)
        self._segments = Segments(SegmentSettings())
        self.heard = 0

    def _append(self, item: AudioBlock) -> None:
        new = self._resampler.feed(item)
        self._buffer = np.concatenate([self._buffer, new])
        self.heard += len(new)

    def _publish(self, committed: Sequence[Word], unstable: Sequence[Word], *, closing: bool) -> list[Caption]:
        captions = self._segments.publish(
            committed, unstable, closing=closing, heard=self.heard, language=self._language
        )
        return list(captions)


class FixedPieces(_Buffered):
    """Cuts the sound into pieces and transcribes each by itself: the way of Buzz's live recording.

    Args:
        model: Loaded.
        language: ISO 639-1 code.
        piece_s: Length of a piece; Buzz takes 5 s.
    """

    def __init__(self, model: WhisperModel, language: str, piece_s: float = 5.0) -> None:
        super().__init__(model, language)
        self._piece = in_samples(piece_s)

    def feed(self, item: AudioBlock, *, hurry: bool = False) -> list[Caption]:
        """Take in sound; pieces that are full are transcribed, however many wait."""
        del hurry
        self._append(item)
        captions = []
        while len(self._buffer) >= self._piece:
            captions += self._transcribe(self._piece)
        return captions

    def finish(self) -> list[Caption]:
        """Transcribe what is left."""
        return self._transcribe(len(self._buffer)) if len(self._buffer) else []

    def _transcribe(self, length: int) -> list[Caption]:
        start = self.heard - len(self._buffer)
        piece, self._buffer = self._buffer[:length], self._buffer[length:]
        text = offline(self._model, piece, self._language, "beam 5")
        words = [Word(f" {word}", start, start + length, 1.0) for word in text.split()]
        return self._publish(words, (), closing=True)


class LocalAgreementBuffer(_Buffered):
    """Transcribes a growing buffer again and again; what two in a row agree on is final.

    The way of whisper_streaming (Macháček et al. 2023, `OnlineASRProcessor` with faster-whisper): beam 5 with word
    times, the text that has left the buffer as prompt, LocalAgreement-2, and once the buffer is longer than `trim_s`
    it is cut at the end of the last segment that is wholly committed. Its display shows the last hypothesis as well.

    Args:
        model: Loaded.
        language: ISO 639-1 code.
        step_s: New sound between two transcriptions.
        trim_s: Length beyond which the buffer is cut.
    """

    PROMPT = 200  # characters

    def __init__(self, model: WhisperModel, language: str, step_s: float = 1.0, trim_s: float = 15.0) -> None:
        super().__init__(model, language)
        self._step = in_samples(step_s)
        self._trim = in_samples(trim_s)
        self._waiting = 0
        self._committed: list[Word] = []
        self._hypothesis: list[Word] = []

    @property
    def _start(self) -> int:
        return self.heard - len(self._buffer)

    @property
    def _edge(self) -> int:
        """Where the last committed word ends."""
        return self._committed[-1].stop if self._committed else 0

    def feed(self, item: AudioBlock, *, hurry: bool = False) -> list[Caption]:
        """Take in sound; transcribe once a step of it has come and no more is waiting."""
        self._append(item)
        self._waiting += len(item.frames)
        if hurry or self._waiting < self._step:
            return []
        self._waiting = 0
        return self._update()

    def finish(self) -> list[Caption]:
        """Commit the last hypothesis as it stands."""
        return self._publish(self._hypothesis, (), closing=True)

    def _update(self) -> list[Caption]:
        words, ends = self._transcribe()
        new = self._without_repeats([word for word in words if word.start > self._edge - in_samples(0.1)])
        both = zip(new, self._hypothesis, strict=False)
        agreed = [one for one, _ in takewhile(lambda pair: pair[0].text == pair[1].text, both)]
        self._committed += agreed
        self._hypothesis = new[len(agreed) :]
        if len(self._buffer) > self._trim:
            self._cut(ends)
        return self._publish(agreed, self._hypothesis, closing=False)

    def _transcribe(self) -> tuple[list[Word], list[int]]:
        """Return the words of the buffer and the ends of its segments."""
        start = self._start
        before = "".join(word.text for word in self._committed[-300:] if word.stop <= start)
        segments, _ = self._model.transcribe(
            self._buffer,
            language=self._language,
            initial_prompt=before[-self.PROMPT :].strip() or None,
            beam_size=5,
            word_timestamps=True,
            condition_on_previous_text=True,
            temperature=0,
        )
        heard = [segment for segment in segments if segment.no_speech_prob <= 0.9]
        words = [_word(word, start) for segment in heard for word in segment.words or ()]
        return words, [start + in_samples(segment.end) for segment in heard]

    def _without_repeats(self, new: list[Word]) -> list[Word]:
        """Drop what was committed before and is heard again: up to five words, if they begin where that ended."""
        if not new or abs(new[0].start - self._edge) >= in_samples(1.0):
            return new
        for count in range(1, min(5, len(new), len(self._committed)) + 1):
            if [word.text for word in self._committed[-count:]] == [word.text for word in new[:count]]:
                return new[count:]
        return new

    def _cut(self, ends: list[int]) -> None:
        """Drop the sound before the last but one segment's end, or an earlier one, if all of it is committed."""
        done = next((end for end in reversed(ends[:-1]) if end <= self._edge), None)
        if done is not None and done > self._start:
            self._buffer = self._buffer[done - self._start :]


def _word(word: Any, start: int) -> Word:
    """Return faster-whisper's word with absolute times."""
    return Word(word.word, start + in_samples(word.start), start + in_samples(word.end), float(word.probability))


def texts(model: WhisperModel, samples: np.ndarray, language: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each offline setting with its transcript."""
    for setting in OFFLINE:
        yield setting, offline(model, samples, language, setting)

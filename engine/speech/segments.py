"""The running text, divided into segments: what a caption says (pure).

A segment ends with the utterance, or with a sentence once it is long, or in the end with any word. Its committed
text only grows; `committed + unstable` is what stands on the screen.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from engine.records import Caption, Word
from engine.settings import SegmentSettings
from engine.speech.certainty import plain
from engine.units import samples

_BARE = re.compile(r"^[\s.,;:!?…、。！？]+")  # punctuation that belongs to what was said before
SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")


def _text(words: Sequence[Word]) -> str:
    return "".join(word.text for word in words)


@dataclass(slots=True)
class Segments:
    """Turns newly committed and unstable words into captions; says the same thing only once."""

    settings: SegmentSettings
    number: int = 0
    _words: list[Word] = field(default_factory=list)
    _shown: tuple[str, str] = ("", "")

    def publish(
        self, committed: Sequence[Word], unstable: Sequence[Word], *, closing: bool, heard: int, language: str
    ) -> Iterator[Caption]:
        """Yield the captions that these words make.

        Args:
            committed: Newly final words, in order.
            unstable: The words after them, which may still change.
            closing: The utterance has ended; there are no unstable words.
            heard: One past the last sample they were heard in.
            language: ISO 639-1 code of the text.
        """
        pending: list[Word] = []
        for word in committed:
            if not (self._words or plain(word.text)):
                continue  # the full stop of a sentence that was closed without it
            pending.append(word)
            self._words.append(word)
            if self._full():
                yield self._end(pending, heard, language)
                pending = []
        if closing:
            if self._words or self._shown != ("", ""):
                yield self._end(pending, heard, language)
            return
        shown = self._texts(unstable)
        if pending or shown != self._shown:
            self._shown = shown
            yield self._caption(pending, unstable, heard, language, final=False)

    def _texts(self, unstable: Sequence[Word]) -> tuple[str, str]:
        committed = _text(self._words).lstrip()
        tail = _text(unstable)
        return committed, tail if committed else _BARE.sub("", tail)

    def _full(self) -> bool:
        length = self._words[-1].stop - self._words[0].start
        if length > samples(self.settings.longest_s):
            return True
        return length > samples(self.settings.sentence_s) and self._words[-1].text.endswith(SENTENCE_ENDS)

    def _end(self, pending: Sequence[Word], heard: int, language: str) -> Caption:
        caption = self._caption(pending, (), heard, language, final=True)
        self.number += 1
        self._words.clear()
        self._shown = ("", "")
        return caption

    def _caption(
        self, pending: Sequence[Word], unstable: Sequence[Word], heard: int, language: str, *, final: bool
    ) -> Caption:
        committed, tail = self._texts(unstable)
        first = (*self._words, *unstable)
        start = first[0].start if first else heard
        return Caption(self.number, committed, tail, final, tuple(pending), start, heard, language)

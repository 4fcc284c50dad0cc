"""The words of a recording as segments (pure).

A segment ends with a pause, with a sentence once it is long, or where another language begins.
"""

from collections.abc import Iterable, Iterator, Sequence

from engine.recordings.hearing import Heard
from engine.records import Word
from engine.settings import SegmentSettings
from engine.speech.segments import SENTENCE_ENDS
from engine.transcript.records import Doubted, Segment, TimedWord
from engine.units import milliseconds, samples

PAUSE = samples(1.0)  # after which somebody begins anew
_LENGTHS = SegmentSettings()


def segments(heard: Iterable[Heard], *, translated: str = "") -> tuple[Segment, ...]:
    """Return the segments of a recording.

    Args:
        heard: Its takes, in order.
        translated: The language of the text where it is not the one that is spoken.
    """
    pieces = list(_pieces((word, translated or part.language) for part in heard for word in part.words))
    return tuple(_segment(number, *piece) for number, piece in enumerate(pieces))


def doubted(heard: Iterable[Heard]) -> tuple[Doubted, ...]:
    """Return what was withheld from a recording."""
    withheld = (one for part in heard for one in part.withheld)
    return tuple(Doubted(milliseconds(w.start), milliseconds(w.stop), w.text, w.reason.value) for w in withheld)


def _pieces(words: Iterable[tuple[Word, str]]) -> Iterator[tuple[list[Word], str]]:
    piece: list[Word] = []
    spoken = ""
    for word, language in words:
        if piece and (language != spoken or word.start - piece[-1].stop >= PAUSE or _full(piece)):
            yield piece, spoken
            piece = []
        spoken = language
        piece.append(word)
    if piece:
        yield piece, spoken


def _full(words: Sequence[Word]) -> bool:
    length = words[-1].stop - words[0].start
    if length > samples(_LENGTHS.longest_s):
        return True
    return length > samples(_LENGTHS.sentence_s) and words[-1].text.endswith(SENTENCE_ENDS)


def _segment(number: int, words: Sequence[Word], language: str) -> Segment:
    timed = tuple(
        TimedWord(word.text, milliseconds(word.start), milliseconds(word.stop), round(word.probability, 3))
        for word in words
    )
    text = "".join(word.text for word in words).strip()
    return Segment(number, timed[0].start_ms, timed[-1].end_ms, text, language, final=True, words=timed)

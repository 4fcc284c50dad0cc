"""What is said in one take: decoded, doubted, and heard again where a decoder went wrong (pure).

`hear` is a dialogue: it yields the windows that it wants recognised, one after another, is sent what was heard in each,
and returns what it believes. So one loop can keep many takes going, and nothing here waits.

A take is heard again
    in halves           where the decoder looped: it is cut where nobody speaks, near its middle
    in its gaps         where it passed over what was said: a word then seems to last as long as a sentence
    from the last word  where it ended too soon: Whisper may take a phrase for the end, though the speech goes on
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from engine.recordings.cutting import Span
from engine.recordings.listening import Take
from engine.records import Doubt, Hypothesis, Window, Withheld, Word
from engine.speech.certainty import plain
from engine.speech.guard import judge
from engine.speech.segments import SENTENCE_ENDS
from engine.units import samples

UNHEARD = samples(1.5)  # of speech in one word, or after the last, that is worth another look
MOST_OF_IT = 2 / 3  # a gap longer than this is the take itself over again
FEWEST = 2  # words that a gap must bring: one may be a noise, or what was heard already
BY = samples(0.5)  # how far the times of a word beside a gap may be off
SHORTEST = samples(4.0)  # what is not halved any more
MOST_TAILS = 3

Asked = Generator[Window, Hypothesis, "Heard"]


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of a take.

    Attributes:
        words: In the recording's time.
        language: ISO 639-1 code of what is spoken; empty where that was not asked.
        certainty: How sure the model is of it.
        withheld: What was not believed.
    """

    words: tuple[Word, ...]
    language: str
    certainty: float
    withheld: tuple[Withheld, ...] = ()


def hear(take: Take, language: str, *, timed: bool = True) -> Asked:
    """Have a take recognised, and return what was probably said.

    Args:
        take: What to hear.
        language: ISO 639-1 code, or "auto".
        timed: Times of words are right to half a second. Those of a translation are not: no gap is told by them.
    """
    hypothesis = yield replace(take.window, language=language)
    heard = _believed(take, hypothesis)
    if any(withheld.reason is Doubt.LOOP for withheld in heard.withheld):
        return (yield from _in_halves(take, heard, timed=timed))
    if timed:
        heard = yield from _in_gaps(take, heard)
    return (yield from _to_the_end(take, heard))


def _in_halves(take: Take, heard: Heard, *, timed: bool = True) -> Asked:
    """Hear both halves of a take in which the decoder went wrong, if that brings more."""
    if len(take.sound) < 2 * SHORTEST:
        return heard
    first, second = take.halves()
    former = yield from hear(first, heard.language, timed=timed)
    latter = yield from hear(second, heard.language, timed=timed)
    words = former.words + latter.words
    if len(words) <= len(heard.words):
        return heard
    return replace(heard, words=words, withheld=former.withheld + latter.withheld)


def _in_gaps(take: Take, heard: Heard) -> Asked:
    """Hear again what one word seems to fill, though nobody speaks so slowly, if that brings more.

    Whisper passes over sentences in the middle of a window, most of all where another voice begins. The times that come
    of its attention have to put that sound somewhere: into the word before it, or the one behind.
    """
    words: list[Word] = []
    withheld = heard.withheld
    for index, word in enumerate(heard.words):
        start, stop = _extent(take, heard.words, index)
        words.append(word)
        if take.spoken(start, stop) < UNHEARD:
            continue
        gap = take.between(take.pause(start + BY // 2, 3 * BY // 2), take.pause(stop, BY))  # most begin behind the word
        if len(gap.sound) > MOST_OF_IT * len(take.sound):
            return (yield from _in_halves(take, heard))
        more = yield from hear(gap, heard.language)
        found = _new(more.words, heard.words[max(0, index - 1) : index], heard.words[index + 1 : index + 2])
        if len(found) >= FEWEST:
            words[-1:] = _with(word, found, (start, stop))
            withheld += more.withheld
    return replace(heard, words=tuple(words), withheld=withheld)


def _extent(take: Take, words: Sequence[Word], index: int) -> Span:
    """Return the sound that a word was given, in every span of the take: the word itself stands in one of them."""
    word = words[index]
    start, stop = word.start, word.stop
    firsts, lasts = zip(*take.spans, strict=True)
    if start in firsts:
        start = words[index - 1].stop if index else take.whole[0]
    if stop in lasts and index + 1 < len(words) and words[index + 1].start not in firsts:
        stop = words[index + 1].start
    return start, stop


def _new(found: Sequence[Word], before: Sequence[Word], after: Sequence[Word]) -> Sequence[Word]:
    """Return words without those at their edges that are known already: no cut is exact."""
    if found and before and plain(found[0].text) == plain(before[0].text):
        found = found[1:]
    if found and after and plain(found[-1].text) == plain(after[0].text):
        found = found[:-1]
    return found


def _with(word: Word, found: Sequence[Word], span: Span) -> list[Word]:
    """Return a word and what was found in its gap, in order, all of it inside the span."""
    start, stop = span
    placed = [replace(one, start=_within(one.start, span), stop=_within(one.stop, span)) for one in found]
    if plain(word.text) in {plain(found[0].text), plain(found[-1].text)}:
        return placed
    if word.text.endswith(SENTENCE_ENDS):  # it was said before the gap
        return [replace(word, start=start, stop=placed[0].start), *placed]
    return [*placed, replace(word, start=placed[-1].stop, stop=stop)]


def _within(at: int, span: Span) -> int:
    return min(max(at, span[0]), span[1])


def _to_the_end(take: Take, heard: Heard) -> Asked:
    """Hear again what was said after the last word, as long as that brings any."""
    for _ in range(MOST_TAILS):
        if not heard.words:
            return heard
        rest = take.after(heard.words[-1].stop)
        if rest is None or rest.spoken(*rest.whole) < UNHEARD:
            return heard
        hypothesis = yield replace(rest.window, language=heard.language)
        more = _believed(rest, hypothesis)
        if not more.words:
            return heard
        heard = replace(heard, words=heard.words + more.words, withheld=heard.withheld + more.withheld)
    return heard


def _believed(take: Take, hypothesis: Hypothesis) -> Heard:
    placed = replace(hypothesis, words=tuple(map(take.placed, hypothesis.words)))
    judgement = judge(placed, take.heard)
    return Heard(judgement.words, hypothesis.language, hypothesis.language_probability, judgement.withheld)

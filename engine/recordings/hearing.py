"""What is said in one take: decoded, doubted, and heard again where a decoder went wrong (pure).

`hear` is a dialogue: it yields the windows that it wants recognised, one after another, is sent what was heard in each,
and returns what it believes. So one loop can keep many takes going, and nothing here waits.

A take is heard again
    in halves           where the decoder looped: it is cut where nobody speaks, near its middle
    from the last word  where it ended too soon: Whisper may take a phrase for the end, though the speech goes on
"""

from collections.abc import Generator
from dataclasses import dataclass, replace

from engine.recordings.listening import Take
from engine.records import Doubt, Hypothesis, Window, Withheld, Word
from engine.speech.guard import judge
from engine.units import samples

UNHEARD = samples(1.5)  # of speech after the last word that is worth another look
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


def hear(take: Take, language: str) -> Asked:
    """Have a take recognised, and return what was probably said.

    Args:
        take: What to hear.
        language: ISO 639-1 code, or "auto".
    """
    hypothesis = yield replace(take.window, language=language)
    heard = _believed(take, hypothesis)
    if any(withheld.reason is Doubt.LOOP for withheld in heard.withheld):
        return (yield from _in_halves(take, heard))
    return (yield from _to_the_end(take, heard))


def _in_halves(take: Take, heard: Heard) -> Asked:
    """Hear both halves of a take in which the decoder looped, if that brings more."""
    if len(take.sound) < 2 * SHORTEST:
        return heard
    first, second = take.halves()
    parts = (yield from hear(first, heard.language)), (yield from hear(second, heard.language))
    words = tuple(word for part in parts for word in part.words)
    if len(words) <= len(heard.words):
        return heard
    return replace(heard, words=words, withheld=tuple(one for part in parts for one in part.withheld))


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

"""What is not speech, though the model wrote it down (pure).

Whisper was trained on subtitles: over silence and music it writes what subtitles end with, and now and then it falls
into a loop; and when all that was said is committed already, it likes to say the end once more. Each doubt has its
evidence: the model itself is unsure and hears nobody; the text repeats itself; nobody was heard where the words are
said to be. What is doubted is withheld, and told.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from engine.records import Doubt, Hypothesis, Withheld, Word
from engine.speech.commit import plain
from engine.speech.loops import repeated
from engine.units import samples

NO_SPEECH = 0.6  # openai/whisper's own pair of thresholds
LOW_LOGPROB = -1.0
SPEECH = 0.3  # somebody must have been this audible under the last word, and under what subtitles end with
NEAR = samples(0.2)  # how far a word's time may be off
LONGEST_TEXT = 200  # characters kept of what is withheld: a loop says nothing new

PHANTOMS = frozenset(
    {
        "bye",
        "byebye",
        "music",
        "okay",
        "seeyounexttime",
        "subtitlesbytheamaraorgcommunity",
        "thankyou",
        "thankyouforwatching",
        "thankyouverymuch",
        "thanks",
        "thanksforwatching",
        "you",
    }
)

Evidence = Callable[[int, int], float]  # (start, stop) in samples → the highest speech probability in between


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was probably said, and what of the hypothesis was not."""

    words: tuple[Word, ...]
    withheld: tuple[Withheld, ...] = ()


def judge(hypothesis: Hypothesis, evidence: Evidence, said: Sequence[str] = ()) -> Judgement:
    """Divide the words of a hypothesis into those to believe and those to withhold.

    Args:
        hypothesis: What the model wrote.
        evidence: Where somebody was heard.
        said: The words before it that are final, as `plain` leaves them: a loop may have begun in them.
    """
    words = hypothesis.words
    if hypothesis.no_speech_prob > NO_SPEECH and hypothesis.avg_logprob < LOW_LOGPROB:
        return Judgement((), tuple(_withheld(words, Doubt.UNSURE)))
    loop = repeated([*said, *(plain(word.text) for word in words)], len(said))
    looped = [word for index, word in enumerate(words, len(said)) if index in loop]
    words = tuple(word for index, word in enumerate(words, len(said)) if index not in loop)
    heard = len(words)
    while heard and evidence(words[heard - 1].start - NEAR, words[heard - 1].stop + NEAR) < SPEECH:
        heard -= 1
    words, unheard = words[:heard], words[heard:]
    phantom = words if _is_phantom(words, evidence) else ()
    doubts = ((looped, Doubt.LOOP), (unheard, Doubt.UNHEARD), (phantom, Doubt.PHANTOM))
    withheld = tuple(one for doubted, doubt in doubts for one in _withheld(doubted, doubt))
    return Judgement(() if phantom else words, withheld)


def _is_phantom(words: Sequence[Word], evidence: Evidence) -> bool:
    phrase = "".join(plain(word.text) for word in words)
    return phrase in PHANTOMS and evidence(words[0].start, words[-1].stop) < SPEECH


def _withheld(words: Sequence[Word], doubt: Doubt) -> Iterable[Withheld]:
    """Yield one record of all words that are withheld for one reason, if there are any."""
    if words:
        text = "".join(word.text for word in words).strip()
        yield Withheld(words[0].start, words[-1].stop, text[:LONGEST_TEXT], doubt)

"""What is not speech, though the model wrote it down (pure).

Whisper was trained on subtitles: over silence and music it writes what subtitles end with, and now and then it falls
into a loop; and when all that was said is committed already, it likes to say the end once more. Each doubt has its
evidence: the model itself is unsure, most of all where it hears nobody; the text repeats itself, or the text before it
in no time at all; nobody was heard where the words are said to be. What is doubted is withheld, and told.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from engine.records import Doubt, Hypothesis, Withheld, Word
from engine.speech.certainty import plain
from engine.speech.loops import repeated
from engine.units import samples

NO_SPEECH = 0.6  # openai/whisper's own pair of thresholds
LOW_LOGPROB = -1.0
HOPELESS = -1.5  # below this two words in three were wrong, whoever spoke (tiny.en-live, 67 clips)
SPEECH = 0.3  # somebody must have been this audible under the last word
CLEAR = 0.85  # and this under what subtitles end with: music and hum reached 0.84, real utterances began at 0.93
NEAR = samples(0.2)  # how far a word's time may be off
ECHO = 2  # words; one word said twice is speech
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


def judge(
    hypothesis: Hypothesis, evidence: Evidence, said: Sequence[str] = (), known: Sequence[Word] = ()
) -> Judgement:
    """Divide the words of a hypothesis into those to believe and those to withhold.

    Args:
        hypothesis: What the model wrote.
        evidence: Where somebody was heard.
        said: The words before it that are final, as `plain` leaves them: a loop may have begun in them.
        known: Those of them, and of the utterance before, that the model saw with their sound.
    """
    words = hypothesis.words
    if _is_unsure(hypothesis):
        return Judgement((), tuple(_withheld(words, Doubt.UNSURE)))
    if _is_echo(words, known):
        return Judgement((), tuple(_withheld(words, Doubt.LOOP)))
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


def _is_unsure(hypothesis: Hypothesis) -> bool:
    hears_nobody = hypothesis.no_speech_prob > NO_SPEECH
    return hypothesis.avg_logprob < (LOW_LOGPROB if hears_nobody else HOPELESS)


def _is_echo(words: Sequence[Word], known: Sequence[Word]) -> bool:
    """Whether words are those before them once more, and some of them took no time to say."""
    again = [plain(word.text) for word in words] == [plain(word.text) for word in known[-len(words) :]]
    return len(words) >= ECHO and again and any(word.start == word.stop for word in words[:-1])


def _is_phantom(words: Sequence[Word], evidence: Evidence) -> bool:
    phrase = "".join(plain(word.text) for word in words)
    return phrase in PHANTOMS and evidence(words[0].start, words[-1].stop) < CLEAR


def _withheld(words: Sequence[Word], doubt: Doubt) -> Iterable[Withheld]:
    """Yield one record of all words that are withheld for one reason, if there are any."""
    if words:
        text = "".join(word.text for word in words).strip()
        yield Withheld(words[0].start, words[-1].stop, text[:LONGEST_TEXT], doubt)

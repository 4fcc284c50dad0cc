"""What is not speech, though the model wrote it down (pure).

Whisper was trained on subtitles: over silence and music it writes what subtitles end with, and now and then it falls
into a loop; and when all that was said is committed already, it likes to say the end once more. Three doubts, each with
its evidence: the text repeats itself; the model itself is unsure and hears nobody; nobody was heard where the words
are said to be.
"""

from collections.abc import Callable, Sequence

from engine.records import Hypothesis, Word
from engine.speech.commit import plain
from engine.units import samples

NO_SPEECH = 0.6  # openai/whisper's own pair of thresholds
LOW_LOGPROB = -1.0
LONGEST_REPEAT = 8  # words in a repeated phrase
REPEATS = 3  # "no, no, no" is speech; a fourth time is a loop
SPEECH = 0.3  # somebody must have been this audible under the last word, and under what subtitles end with
NEAR = samples(0.2)  # how far a word's time may be off

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


def loop_start(words: Sequence[str]) -> int:
    """Return where a text begins to repeat itself without end: the length of what to keep.

    A phrase of up to eight words that stands more than three times in a row is kept once.
    """
    for at in range(len(words)):
        for size in range(1, LONGEST_REPEAT + 1):
            phrase = words[at : at + size]
            needed = (REPEATS + 1) * size
            if len(words) - at >= needed and list(words[at : at + needed]) == list(phrase) * (REPEATS + 1):
                return at + size
    return len(words)


def believable(hypothesis: Hypothesis, evidence: Evidence) -> tuple[Word, ...]:
    """Return the words of a hypothesis that were probably said."""
    words = hypothesis.words
    if not words:
        return ()
    if hypothesis.no_speech_prob > NO_SPEECH and hypothesis.avg_logprob < LOW_LOGPROB:
        return ()
    words = words[: loop_start([plain(word.text) for word in words])]
    while words and evidence(words[-1].start - NEAR, words[-1].stop + NEAR) < SPEECH:
        words = words[:-1]
    phrase = "".join(plain(word.text) for word in words)
    if phrase in PHANTOMS and evidence(words[0].start, words[-1].stop) < SPEECH:
        return ()
    return words

"""What is measured of live captions: small pure functions over a replayed log and the words that were spoken.

All times are seconds since the sound began. A word is *correct* where the word error alignment (fewest substitutions,
deletions, insertions; jiwer) of what was committed with what was spoken pairs it with an equal one; both sides go word
by word through Whisper's English normaliser, and what it makes empty (fillers, lone marks) is left out. *Displayed* is
committed and unstable text, *committed* what will not change.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import jiwer

from tests.benchmarks.replay import Event, Update, common_prefix, key, normalise

PAUSE_S = 1.0  # a silence this long ends an utterance
SENTENCE_ENDS = (".", "!", "?")
_TOKEN = re.compile(r"[\w'’-]+|[^\w\s]")
DEADLINE_S = 0.5  # the live loop's step: who is later than this has missed an update


@dataclass(frozen=True)
class Spoken:
    """One word of the reference and when it was said."""

    text: str
    start_s: float
    stop_s: float


@dataclass(frozen=True)
class Pair:
    """One place of the word error alignment; None where a side has no word there."""

    spoken: int | None
    written: int | None
    correct: bool


def align(spoken: Sequence[str], written: Sequence[str]) -> list[Pair]:
    """Pair spoken with written words so that there are as few errors as possible."""
    ours = [index for index, word in enumerate(spoken) if key(word)]
    theirs = [index for index, word in enumerate(written) if key(word)]
    if not ours or not theirs:
        return [Pair(i, None, correct=False) for i in ours] + [Pair(None, j, correct=False) for j in theirs]
    said, heard = (" ".join(key(words[i]) for i in at) for words, at in ((spoken, ours), (written, theirs)))
    pairs = []
    for part in jiwer.process_words(said, heard).alignments[0]:
        reference = ours[part.ref_start_idx : part.ref_end_idx]
        hypothesis = theirs[part.hyp_start_idx : part.hyp_end_idx]
        if part.type == "delete":
            pairs += [Pair(i, None, correct=False) for i in reference]
        elif part.type == "insert":
            pairs += [Pair(None, j, correct=False) for j in hypothesis]
        else:
            both = zip(reference, hypothesis, strict=True)
            pairs += [Pair(i, j, correct=part.type == "equal") for i, j in both]
    return pairs


def word_errors(reference: str, text: str) -> tuple[int, int]:
    """Return the errors of a text and the words of its reference, both normalised as a whole.

    Word error rate is the first over the second. (The emission latency above normalises word by word, to keep each
    word's time; "forty two" and "42" are the same here and not there.)
    """
    said, heard = normalise(reference), normalise(text)
    if not said or not heard:
        return len((said or heard).split()), len(said.split())
    found = jiwer.process_words(said, heard)
    return found.substitutions + found.deletions + found.insertions, len(said.split())


def emission_latencies(spoken: Sequence[Spoken], pairs: Iterable[Pair], at_s: Sequence[float]) -> list[float]:
    """Return for each correct word how long after its end it came.

    Word emission latency as in streaming recognition (e.g. Yu et al. 2021, FastEmit: from the end of the word as
    forced alignment has it, to its emission). `at_s` holds the emission of each written word: its first display gives
    the latency of the display, its commit that of the commit. Below zero: the word was guessed before it had ended.
    """
    return [
        at_s[pair.written] - spoken[pair.spoken].stop_s
        for pair in pairs
        if pair.correct and pair.spoken is not None and pair.written is not None
    ]


def laal(delays_s: Sequence[float], source_s: float, reference_words: int) -> float | None:
    """Return length-adaptive average lagging (Papi et al. 2022; SimulEval's `LAALScorer`).

    The mean of `delay - i / rate` over the words up to the first that came when the source had ended (that one
    included); `rate` is the words a second of an ideal writer: the longer of both texts over the source. A first word
    that comes after the end is the result alone. With the sound fed as delays it is computation-unaware, with the
    clock computation-aware. None without words. On a long recording nobody speaks as steadily as the ideal writer
    writes, and the lag may even fall below zero: `long_yaal` is for those.

    Args:
        delays_s: Emission of each written word, from the beginning of the source.
        source_s: Length of the source.
        reference_words: Words that were spoken.
    """
    if not delays_s:
        return None
    if delays_s[0] > source_s:
        return delays_s[0]
    ended = next((i for i, delay in enumerate(delays_s) if delay >= source_s), len(delays_s) - 1)
    return _lagging(delays_s[: ended + 1], len(delays_s), source_s, reference_words)


def yaal(delays_s: Sequence[float], source_s: float, reference_words: int, rest_s: float) -> float | None:
    """Return YAAL of one segment of a long recording (Polák et al. 2025, arXiv:2509.17349; OmniSTEval's `YAALScorer`).

    As `laal`, but over all words that came before the whole recording ended, and none that came later: those tell
    nothing of the policy. None where no word is left.

    Args:
        delays_s: Emission of each written word, from the beginning of the segment.
        source_s: Length of the segment.
        reference_words: Words that were spoken in it.
        rest_s: From the beginning of the segment to the end of the recording.
    """
    ended = next((i for i, delay in enumerate(delays_s) if delay >= rest_s), len(delays_s))
    if not ended:
        return None
    return _lagging(delays_s[:ended], len(delays_s), source_s, reference_words)


def _lagging(counted: Sequence[float], written: int, source_s: float, reference_words: int) -> float:
    rate = max(written, reference_words) / source_s
    return sum(delay - i / rate for i, delay in enumerate(counted)) / len(counted)


def long_yaal(
    spoken: Sequence[Spoken], pairs: Sequence[Pair], delays_s: Sequence[float], recording_s: float
) -> list[float]:
    """Return YAAL of each sentence; their mean is LongYAAL.

    OmniSTEval cuts the written text at the reference's sentences with an aligner of its own (SoftSegmenter); here the
    word error alignment does it. A written word without a partner goes with the word before it.
    """
    found = []
    for first, last in sentences(spoken):
        start_s, stop_s = spoken[first].start_s, spoken[last].stop_s
        delays = [delays_s[j] - start_s for j in _written(pairs, first, last)]
        words = sum(1 for word in spoken[first : last + 1] if key(word.text))
        found.append(yaal(delays, stop_s - start_s, words, recording_s - start_s))
    return [value for value in found if value is not None]


def sentences(spoken: Sequence[Spoken]) -> list[tuple[int, int]]:
    """Return the first and last word of each sentence: it ends with its mark, or with a pause."""
    ends = [
        index for index, word in enumerate(spoken) if word.text.endswith(SENTENCE_ENDS) or ends_utterance(spoken, index)
    ]
    return list(zip([0, *(end + 1 for end in ends[:-1])], ends, strict=True)) if ends else []


def ends_utterance(spoken: Sequence[Spoken], index: int) -> bool:
    """Whether nobody speaks for a while after a word."""
    return index + 1 == len(spoken) or spoken[index + 1].start_s - spoken[index].stop_s >= PAUSE_S


def _written(pairs: Sequence[Pair], first: int, last: int) -> list[int]:
    at, found = -1, []
    for pair in pairs:
        at = at if pair.spoken is None else pair.spoken
        if pair.written is not None and first <= max(at, 0) <= last:
            found.append(pair.written)
    return found


def end_to_final(spoken: Sequence[Spoken], pairs: Iterable[Pair], committed_at_s: Sequence[float]) -> list[float]:
    """Return for each utterance how long after its end its last word was committed.

    An utterance ends where nobody speaks for `PAUSE_S`, or with the recording. One whose last word was not written at
    all tells nothing and is left out.
    """
    written = {pair.spoken: pair.written for pair in pairs if pair.spoken is not None and pair.written is not None}
    ends = [index for index in range(len(spoken)) if ends_utterance(spoken, index) and index in written]
    return [committed_at_s[written[index]] - spoken[index].stop_s for index in ends]


def first_text(updates: Iterable[Update], spoken: Sequence[Spoken]) -> float | None:
    """Return how long after the first word began something stood on the screen; None if there is no such moment."""
    shown = next((update.at_s for update in updates if update.after), None)
    return None if shown is None or not spoken else shown - spoken[0].start_s


def tokens(words: Iterable[str]) -> list[str]:
    """Return the words and marks of a text, each by itself: a comma that comes to a word takes nothing back."""
    return [token for word in words for token in _TOKEN.findall(word)]


def keys(words: Iterable[str]) -> list[str]:
    """Return the words of a text without case and marks."""
    return [key(word) for word in words]


def erased(updates: Iterable[Update], of: Callable[[Iterable[str]], list[str]] = tokens) -> int:
    """Return how many displayed tokens were taken back.

    Tokens are words and marks as they were written, so that case counts, or what `of` makes of the words (`keys`). Over
    the tokens of the final text this is normalised erasure (Arivazhagan et al. 2020, "Re-translation versus
    streaming"): of each display, what lies behind its common prefix with the next one.
    """
    count = 0
    for update in updates:
        before, after = of(update.before), of(update.after)
        count += len(before) - common_prefix(before, after)
    return count


def appeared_words(updates: Iterable[Update]) -> int:
    """Return how many words appeared on the display, those that were taken back again among them."""
    return sum(len(update.after) - common_prefix(update.before, update.after) for update in updates)


def unstable_words(updates: Iterable[Update]) -> int:
    """Return how many displayed words the next display has otherwise or not at all, case and marks aside.

    Over the words of the final text this is the unstable partial word ratio (Shangguan et al. 2020, "Analyzing the
    quality and stability of a streaming end-to-end on-device speech recognizer"). Unlike erasure, a word that stands
    as it stood is stable although one before it changed. Words are compared place by place: our reading of the paper.
    """
    count = 0
    for update in updates:
        before, after = ([key(word) for word in words] for words in (update.before, update.after))
        count += sum(1 for index, word in enumerate(before) if index >= len(after) or after[index] != word)
    return count


def cost(events: Iterable[Event]) -> dict[str, float]:
    """Return the CPU and wall seconds spent in the engine (lines `cost`: see `clock.py`)."""
    lines = [event for event in events if event["type"] == "cost"]
    return {name: sum(line[name] for line in lines) for name in ("cpu_s", "wall_s")}


def lags(events: Iterable[Event]) -> list[tuple[float, float]]:
    """Return (seconds of sound, lag): how old the newest sound was when the engine had done with it.

    A log without lines `cost` has it from its `stats`: once a second and as the engine itself defines it (Undertext's
    counts from the beginning of what arrived, a block more), so that it is not to be put beside the other.
    """
    events = list(events)
    lines = [event for event in events if event["type"] == "cost"]
    if lines:
        return [(line["audio_s"], line["at_s"] - line["audio_s"]) for line in lines]
    return [(event["audio_s"], event["lag_s"]) for event in events if event["type"] == "stats"]


def deadline_misses(lags_s: Sequence[tuple[float, float]]) -> int:
    """Return how often the engine came to be more than `DEADLINE_S` behind."""
    late = [False, *(lag > DEADLINE_S for _, lag in lags_s)]
    return sum(now and not before for before, now in pairwise(late))

"""Where a text repeats itself without end (pure).

A decoder that has lost the thread writes the same thing again and again: a phrase, a phrase with a slip in it, a
syllable, or a jumble of the same words. People repeat themselves too, but less often and less exactly.
"""

import re
import zlib
from collections.abc import Sequence

MOST_ROUNDS = 5  # "no, no, no, no, no" is speech, "words, words, words, words" was; a loop goes on
PHRASE_ROUNDS = 3  # of two words and more
LONG_ROUNDS = 2  # of more than eight words: nobody says those three times over
LONG_PHRASE = 9
SLIP = 3  # words from which a round may differ in one and still count
RATIO = 2.4  # openai/whisper's `compression_ratio_threshold`; English was below 1.7
LAST = 40  # words judged by compression: about what a window holds
SPARE = 4.0  # eight words that cost zlib less than a byte in four are no news
NEWS = 8

_STAMMER = re.compile(r"([^\W\d]{1,8}?)\1{6}")  # "aaaaaaa", "hahahahahahaha"; 1,000,000,000 is a number


def repeated(words: Sequence[str], said: int = 0) -> frozenset[int]:
    """Return which words only say again what stands before them.

    Args:
        words: As `plain` leaves them, in order.
        said: The first ones are final already: they are evidence, and never among the result.

    Returns:
        Indexes into `words`. Of a loop its first round is left out; what comes after it is not touched.
    """
    loop = {index for index, word in enumerate(words) if _STAMMER.search(word)}
    at = 0
    while at < len(words):
        size, stop = _run(words, at)
        loop.update(range(at + size, stop))
        at = max(at + 1, stop)
    rest = [index for index in range(len(words)) if index not in loop]
    loop.update(rest[_jumble([words[index] for index in rest]) :])
    return frozenset(index for index in loop if index >= said)


def _run(words: Sequence[str], at: int) -> tuple[int, int]:
    """Return the length of the phrase that loops from `at` on, and where the loop ends; (0, at) without one."""
    for size in range(1, (len(words) - at) // (LONG_ROUNDS + 1) + 1):
        if words[at] != words[at + size]:
            continue
        stop = _stop(words, at, size)
        if stop - at > size * _bearable(size):
            rest = words[stop : stop + size]
            broken_off = stop + len(rest) == len(words) and list(rest) == list(words[at : at + len(rest)])
            return size, len(words) if broken_off else stop
    return 0, at


def _bearable(size: int) -> int:
    """Return how often people say a phrase of so many words in a row."""
    if size == 1:
        return MOST_ROUNDS
    return PHRASE_ROUNDS if size < LONG_PHRASE else LONG_ROUNDS


def _stop(words: Sequence[str], at: int, size: int) -> int:
    """Return where the rounds of a phrase end: the last is exact, one between may have a slip."""
    phrase = words[at : at + size]
    stop = start = at + size
    slips = 0
    while start + size <= len(words):
        differing = sum(a != b for a, b in zip(phrase, words[start : start + size], strict=True))
        slips += differing
        if slips > (1 if size >= SLIP else 0):
            break
        start += size
        stop = stop if differing else start
    return stop


def _jumble(words: Sequence[str]) -> int:
    """Return from where on the last words add nothing, as compression tells; their number if they all do."""
    text = _bytes(words[-LAST:])
    if len(text) <= RATIO * _compressed(text):
        return len(words)
    start = len(words)
    for at in range(len(words) - NEWS, -1, -1):
        known, longer = _bytes(words[:at]), _bytes(words[: at + NEWS])
        if len(longer) - len(known) < SPARE * (_compressed(longer) - _compressed(known)):
            break
        start = at
    return start


def _bytes(words: Sequence[str]) -> bytes:
    return " ".join(words).encode()


def _compressed(text: bytes) -> int:
    return len(zlib.compress(text))

"""How certain a word is: how sure the model is of it, how often it was heard, how far it lies from the edge (pure).

Words are compared without case and punctuation: a comma that comes and goes is no disagreement.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.records import Word
from engine.units import samples

_PUNCTUATION = re.compile(r"[^\w']+")


def plain(text: str) -> str:
    """Return a word without case, space and punctuation."""
    return _PUNCTUATION.sub("", text.casefold())


@dataclass(frozen=True, slots=True)
class Rule:
    """When a word is certain enough.

    Attributes:
        times: In so many hypotheses in a row it must have stood at its place.
        probability: So sure the model must be of it.
        distance_s: So far before the edge of the window it must end; a word that the window cuts ends behind it.
    """

    times: int
    probability: float
    distance_s: float

    def holds(self, word: Word, times: int, edge: int) -> bool:
        """Whether a word that was heard so many times in a row is certain enough in a window that ends at `edge`."""
        return (
            times >= self.times
            and word.probability >= self.probability
            and edge - word.stop >= samples(self.distance_s)
        )


def certain(words: Sequence[Word], times: Sequence[int], edge: int, rules: Sequence[Rule]) -> int:
    """Return how many of the first words are certain by some rule: none after one that is not."""
    heard = enumerate(zip(words, times, strict=True))
    return next(
        (index for index, (word, count) in heard if not any(rule.holds(word, count, edge) for rule in rules)),
        len(words),
    )


class Streaks:
    """In how many hypotheses in a row each uncommitted word stood at its place.

    Attributes:
        texts: Those words, as `plain` leaves them.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._times: list[int] = []

    def times(self, words: Sequence[Word]) -> list[int]:
        """Take the newest hypothesis and return how often each of its words was heard."""
        texts = [plain(word.text) for word in words]
        before = zip(self.texts, self._times, texts, strict=False)
        times = [count + 1 if known == text else 1 for known, count, text in before]
        self.texts, self._times = texts, times + [1] * (len(texts) - len(times))
        return self._times

    def forget(self, count: int) -> None:
        """The first words are final, and will not be heard again."""
        self.texts, self._times = self.texts[count:], self._times[count:]

    def reset(self) -> None:
        """Forget everything."""
        self.texts, self._times = [], []

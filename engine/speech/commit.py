"""Which words are final (pure).

A policy sees one hypothesis after another and says how many of the first words will never change. It compares words
without case and punctuation: a comma that comes and goes is no disagreement. Three of them, to be compared with
`tests.benchmarks.live --policy`; `Certainty` is what captions are made with.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.records import Word
from engine.units import samples

_PUNCTUATION = re.compile(r"[^\w']+")


def plain(text: str) -> str:
    """Return a word without case, space and punctuation."""
    return _PUNCTUATION.sub("", text.casefold())


class CommitPolicy(Protocol):
    """Decides what is final."""

    def agreed(self, words: Sequence[Word], edge: int) -> int:
        """Return how many of the first words are final.

        Args:
            words: The uncommitted words of the newest hypothesis, in order.
            edge: One past the last sample of the window they were heard in.
        """
        ...

    def reset(self) -> None:
        """Forget: the next words follow a cut."""
        ...


class AlignAtt:
    """What attends far enough from the edge of the window is final (Papi et al. 2023, "AlignAtt").

    Where a word attends is where `align` says it ends: the decoder's cross-attention, warped onto time. On windows cut
    anywhere that tells better than the single highest attention which words would still change.

    Args:
        distance_s: From the end of a word to the edge.
    """

    def __init__(self, distance_s: float = 0.5) -> None:
        self._distance = samples(distance_s)

    def agreed(self, words: Sequence[Word], edge: int) -> int:
        """Return how many of the first words end far enough from the edge."""
        return _first(words, lambda index: edge - words[index].stop >= self._distance)

    def reset(self) -> None:
        """Nothing to forget."""


class LocalAgreement:
    """LocalAgreement-2: what two hypotheses in a row begin with is final (Liu et al. 2020; Macháček et al. 2023).

    Two hypotheses half a second apart agree on wrong tails, because both have heard only the beginning of a word; so a
    word that ends close to the edge of the window is held back.

    Args:
        distance_s: From the end of a word to the edge.
    """

    def __init__(self, distance_s: float = 0.4) -> None:
        self._distance = samples(distance_s)
        self._streaks = Streaks()

    def agreed(self, words: Sequence[Word], edge: int) -> int:
        """Return how many of the first words stood in the hypothesis before, and end far enough from the edge."""
        times = self._streaks.times(words)
        count = _first(words, lambda i: times[i] > 1 and edge - words[i].stop >= self._distance)
        self._streaks.forget(count)
        return count

    def reset(self) -> None:
        """Forget the last hypothesis."""
        self._streaks.reset()


@dataclass(frozen=True, slots=True)
class Rule:
    """When a word is final.

    Attributes:
        times: In so many hypotheses in a row it must have stood.
        probability: So sure the model must be of it.
        distance_s: So far before the edge of the window it must end.
    """

    times: int
    probability: float
    distance_s: float


# One hypothesis is enough for most words: of those that end 0.25 s before the edge and of which the model is more than
# half sure, one in a thousand would still change. What it is less sure of waits to be heard again, or to grow old.
RULES = (Rule(1, 0.5, 0.25), Rule(2, 0.3, 0.5), Rule(2, 0.0, 0.8), Rule(1, 0.0, 1.3))


class Certainty:
    """The less sure the model is of a word, the farther from the edge it must end, and the more often be heard.

    AlignAtt and LocalAgreement-2 in one: the distance is that of the attention, the number of hypotheses that of
    agreement, and the model's own probability weighs them. It tells better than either whether a word is right.

    Args:
        rules: A word is final when one of them says so.
    """

    def __init__(self, rules: Sequence[Rule] = RULES) -> None:
        self._rules = rules
        self._streaks = Streaks()

    def agreed(self, words: Sequence[Word], edge: int) -> int:
        """Return how many of the first words are certain enough."""
        times = self._streaks.times(words)
        count = _first(words, lambda i: self._certain(words[i], times[i], edge))
        self._streaks.forget(count)
        return count

    def reset(self) -> None:
        """Forget the last hypotheses."""
        self._streaks.reset()

    def _certain(self, word: Word, times: int, edge: int) -> bool:
        return any(
            times >= rule.times
            and word.probability >= rule.probability
            and edge - word.stop >= samples(rule.distance_s)
            for rule in self._rules
        )


class Streaks:
    """In how many hypotheses in a row each word stood at its place."""

    def __init__(self) -> None:
        self._words: list[tuple[str, int]] = []

    def times(self, words: Sequence[Word]) -> list[int]:
        """Take the newest hypothesis and return how often each of its words was heard."""
        texts = [plain(word.text) for word in words]
        before = [times if known == text else 0 for (known, times), text in zip(self._words, texts, strict=False)]
        counts = [times + 1 for times in before] + [1] * (len(texts) - len(before))
        self._words = list(zip(texts, counts, strict=True))
        return counts

    def forget(self, count: int) -> None:
        """The first words are final, and will not be heard again."""
        del self._words[:count]

    def reset(self) -> None:
        """Forget everything."""
        self._words.clear()


POLICIES: Mapping[str, Callable[[], CommitPolicy]] = {
    "certainty": Certainty,
    "align-att": AlignAtt,
    "local-agreement": LocalAgreement,
}


def _first(words: Sequence[Word], final: Callable[[int], bool]) -> int:
    """Return how many of the first words are final: none after one that is not."""
    return next((index for index in range(len(words)) if not final(index)), len(words))

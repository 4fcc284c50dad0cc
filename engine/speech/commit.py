"""Which words are final (pure).

A policy sees one hypothesis after another and says how many of the first words will never change. It compares words
without case and punctuation: a comma that comes and goes is no disagreement. Three of them, to be compared with
`tests.benchmarks.live --policy`; `Certainty` is what captions are made with.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from engine.records import Word
from engine.speech.certainty import Rule, Streaks, certain


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
        self._rules = (Rule(1, 0.0, distance_s),)

    def agreed(self, words: Sequence[Word], edge: int) -> int:
        """Return how many of the first words end far enough from the edge."""
        return certain(words, [1] * len(words), edge, self._rules)

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
        self._rules = (Rule(2, 0.0, distance_s),)
        self._streaks = Streaks()

    def agreed(self, words: Sequence[Word], edge: int) -> int:
        """Return how many of the first words stood in the hypothesis before, and end far enough from the edge."""
        times = self._streaks.times(words)
        count = certain(words, times, edge, self._rules)
        self._streaks.forget(count)
        return count

    def reset(self) -> None:
        """Forget the last hypothesis."""
        self._streaks.reset()


# One hypothesis is enough for most words: of those that end 0.25 s before the edge and of which the model is more than
# half sure, one in a thousand would still change. What it is less sure of waits to be heard again, or to grow old.
FINAL = (Rule(1, 0.5, 0.25), Rule(2, 0.3, 0.5), Rule(2, 0.0, 0.8), Rule(1, 0.0, 1.3))


class Certainty:
    """The less sure the model is of a word, the farther from the edge it must end, and the more often be heard.

    AlignAtt and LocalAgreement-2 in one: the distance is that of the attention, the number of hypotheses that of
    agreement, and the model's own probability weighs them. It tells better than either whether a word is right.

    Args:
        rules: A word is final when one of them says so.
    """

    def __init__(self, rules: Sequence[Rule] = FINAL) -> None:
        self._rules = rules
        self._streaks = Streaks()

    def agreed(self, words: Sequence[Word], edge: int) -> int:
        """Return how many of the first words are certain enough."""
        times = self._streaks.times(words)
        count = certain(words, times, edge, self._rules)
        self._streaks.forget(count)
        return count

    def reset(self) -> None:
        """Forget the last hypotheses."""
        self._streaks.reset()


POLICIES: Mapping[str, Callable[[], CommitPolicy]] = {
    "certainty": Certainty,
    "align-att": AlignAtt,
    "local-agreement": LocalAgreement,
}

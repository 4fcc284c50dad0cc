"""Which words are final (pure).

A policy is a table of rules; `CERTAINTY` is what captions are made with, and the two that it grew out of stand beside
it, to be compared (`python -m tests.benchmarks.live --policy`).
"""

from collections.abc import Mapping, Sequence

from engine.records import Word
from engine.speech.certainty import Rule, Streaks, certain

ALIGN_ATT = (Rule(1, 0.0, 0.5),)
"""What attends far enough from the edge of the window is final (Papi et al. 2023, "AlignAtt").

Where a word attends is where `align` says it ends: the decoder's cross-attention, warped onto time. On windows cut
anywhere that tells better than the single highest attention which words would still change.
"""

LOCAL_AGREEMENT = (Rule(2, 0.0, 0.4),)
"""LocalAgreement-2: what two hypotheses in a row begin with is final (Liu et al. 2020; Macháček et al. 2023).

Two hypotheses half a second apart agree on wrong tails, because both have heard only the beginning of a word; so a word
that ends close to the edge of the window is held back.
"""

CERTAINTY = (Rule(1, 0.5, 0.25), Rule(2, 0.3, 0.5), Rule(2, 0.0, 0.8), Rule(1, 0.0, 1.3))
"""Both in one, weighed by the model's own probability, which tells better than either whether a word is right.

One hypothesis is enough for most words: of those that end 0.25 s before the edge and of which the model is more than
half sure, one in a thousand would still change (tiny.en-live, 42 recordings cut anywhere). What it is less sure of
waits to be heard again, or to grow old.
"""

TRANSLATION = (Rule(2, 0.0, 1.0),)
"""A translation is reordered as it goes on: it must be heard twice, and lie a second back."""

POLICIES: Mapping[str, Sequence[Rule]] = {
    "certainty": CERTAINTY,
    "align-att": ALIGN_ATT,
    "local-agreement": LOCAL_AGREEMENT,
}


class CommitPolicy:
    """Sees one hypothesis after another and says how many of the first words will never change.

    Args:
        rules: A word is final when one of them says so.
    """

    def __init__(self, rules: Sequence[Rule] = CERTAINTY) -> None:
        self._rules = rules
        self._streaks = Streaks()

    def agreed(self, words: Sequence[Word], edge: int) -> int:
        """Return how many of the first words are final.

        Args:
            words: The uncommitted words of the newest hypothesis, in order.
            edge: One past the last sample of the window they were heard in.
        """
        count = certain(words, self._streaks.times(words), edge, self._rules)
        self._streaks.forget(count)
        return count

    def reset(self) -> None:
        """Forget: the next words follow a cut."""
        self._streaks.reset()

"""Which words are final (pure).

A policy sees one hypothesis after another and says how many of the first words will never change. It compares words
without case and punctuation: a comma that comes and goes is no disagreement.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from engine.records import Word
from engine.units import samples

_PUNCTUATION = re.compile(r"[^\w']+")


def plain(text: str) -> str:
    """Return a word without case, space and punctuation."""
    return _PUNCTUATION.sub("", text.casefold())


class CommitPolicy(Protocol):
    """Decides what is final."""

    def agreed(self, words: Sequence[Word], heard: int) -> int:
        """Return how many of the first words are final.

        Args:
            words: The uncommitted words of the newest hypothesis, in order.
            heard: One past the last sample of the window they were heard in.
        """
        ...

    def reset(self) -> None:
        """Forget: the next words follow a cut."""
        ...


class LocalAgreement:
    """LocalAgreement-2: what two hypotheses in a row begin with is final (Liu et al. 2020; Macháček et al. 2023).

    Two hypotheses half a second apart agree on wrong tails, because both have heard only the beginning of a word; so a
    word that ends close to the edge of the window is held back. A word of which the model is unsure needs a third
    hypothesis and twice the distance: that costs such words a second and halves the errors that live captions add to
    those of the model (tests/benchmarks/accuracy.py).

    Args:
        margin_s: How far before the edge a word must end.
        sure: Probability from which the model counts as sure of a word.
    """

    def __init__(self, margin_s: float = 0.4, sure: float = 0.8) -> None:
        self._margin = samples(margin_s)
        self._sure = sure
        self._before: list[tuple[str, ...]] = []  # the last two hypotheses, the newest last

    def agreed(self, words: Sequence[Word], heard: int) -> int:
        """Return how many of the first words stood in the hypotheses before, and lie behind the margin."""
        now = tuple(plain(word.text) for word in words)
        count = 0
        while count < len(words) and self._stands(words[count], count, now[count], heard):
            count += 1
        self._before = [texts[count:] for texts in (*self._before, now)][-2:]
        return count

    def reset(self) -> None:
        """Forget the last hypotheses."""
        self._before.clear()

    def _stands(self, word: Word, index: int, text: str, heard: int) -> bool:
        needed = 1 if word.probability >= self._sure else 2
        before = self._before[-needed:]
        agree = len(before) == needed and all(texts[index : index + 1] == (text,) for texts in before)
        return agree and word.stop <= heard - needed * self._margin

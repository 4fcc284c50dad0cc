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

    A word that ends close to the edge of the window is held back even so: two hypotheses half a second apart
    agree on wrong tails, because both have heard only the beginning of the word.

    Args:
        margin_s: How far before the edge a word must end.
    """

    def __init__(self, margin_s: float = 0.4) -> None:
        self._margin = samples(margin_s)
        self._before: tuple[str, ...] = ()

    def agreed(self, words: Sequence[Word], heard: int) -> int:
        """Return how many of the first words stood in the last hypothesis too, and lie behind the margin."""
        now = tuple(plain(word.text) for word in words)
        count = 0
        for word, text, before in zip(words, now, self._before, strict=False):
            if text != before or word.stop > heard - self._margin:
                break
            count += 1
        self._before = now[count:]
        return count

    def reset(self) -> None:
        """Forget the last hypothesis."""
        self._before = ()

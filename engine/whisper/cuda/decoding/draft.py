"""What was heard before, tried first: a draft of the next text is read in one pass and kept as far as it is right.

An update hears half a second more than the one before, and writes nearly the same. The decoder reads the whole draft at
once, says at every place what it would write there, and the draft stands up to the first place where it would write
something else: that is the next token. The text is the one that step by step would have given, up to where two tokens
are as likely to the last bit: many tokens at once are summed in another order than one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.records import Window, Word

LONGEST = 63  # tokens; with the one that comes after the draft, 64 places are looked at


@dataclass(slots=True)
class Draft:
    """Remembers the words of the last hypothesis, with their times and tokens."""

    _words: list[tuple[Word, tuple[int, ...]]] = field(default_factory=list)

    def remember(self, words: Sequence[tuple[Word, tuple[int, ...]]]) -> None:
        """Keep what was heard in the last window: each word with its tokens, those of its prefix too."""
        self._words = list(words)

    @property
    def stop(self) -> int:
        """Where the last of them ends; 0 without any."""
        return self._words[-1][0].stop if self._words else 0

    def tokens(self, window: Window) -> list[int]:
        """Return what probably comes after the window's prefix."""
        after = window.prefix[-1].stop if window.prefix else window.start
        ahead = [tokens for word, tokens in self._words if word.start + word.stop >= 2 * after]
        return [token for tokens in ahead for token in tokens][:LONGEST]


def accepted(drafted: Tensor, count: Tensor, written: Tensor, stopped: Tensor | None) -> Tensor:
    """Return how many tokens of a draft stand.

    Args:
        drafted: int64 [n]; `count` of them are the draft.
        count: int64 [1], less than n.
        written: int64 [n]: what the decoder writes at the place of each.
        stopped: bool [n]: where the text ends whatever it would write.

    Returns:
        int64 [1].
    """
    right = (drafted == written) & (torch.arange(len(drafted), device=drafted.device) < count)
    if stopped is not None:
        right = right & ~stopped
    return right.cumprod(0).sum(0, keepdim=True)

"""Which unstable words are shown (pure).

The last word of a window is cut by its edge, and the next update often writes another in its place. A reader is better
served by a word 0.3 s later than by one that changes under the eyes. This rule delays no commit.
"""

from collections.abc import Sequence

from engine.records import Word
from engine.speech.commit import plain
from engine.units import samples

EDGE_S = 0.3


class Steadiness:
    """Holds back the unstable words that would probably change.

    A word is shown when it ended a while before the edge, or stood at the same place in the hypothesis before; so
    is everything before a word that is shown.
    """

    def __init__(self) -> None:
        self._before: tuple[str, ...] = ()

    def shown(self, words: Sequence[Word], heard: int, committed: int) -> int:
        """Return how many of the uncommitted words to show.

        Args:
            words: The uncommitted words of the newest hypothesis.
            heard: One past the last sample of the window they were heard in.
            committed: How many words this update took from the front of what was uncommitted before.
        """
        before = self._before[committed:]
        now = tuple(plain(word.text) for word in words)
        self._before = now
        count = 0
        for index, word in enumerate(words):
            if word.stop <= heard - samples(EDGE_S) or now[index : index + 1] == before[index : index + 1]:
                count = index + 1
        return count

    def reset(self) -> None:
        """Forget: the next words belong to another utterance."""
        self._before = ()

"""Which unstable words are shown, and in which form (pure).

The last word of a window is cut by its edge, and what is unsure changes from one update to the next. A reader is
better served by a word that comes a moment later than by one that changes under the eyes. No rule here delays a commit.
"""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from engine.records import Word
from engine.speech.certainty import Rule, Streaks, certain, plain

# A word of which the model is sure may attend even a little behind the edge; one of which it is not is heard twice.
SHOWN = (Rule(1, 0.8, -0.1), Rule(1, 0.5, 0.1), Rule(1, 0.3, 0.3), Rule(2, 0.0, 0.3))
MARKS = " .,;:!?…-—。，、！？"


class Steadiness:
    """Keeps what is displayed of the uncommitted words as it is, until it was contradicted twice.

    Three rules: a word waits until it is certain enough, and all behind it wait with it; a displayed word gives way to
    another only when two hypotheses in a row lack it; the last word goes without its mark, which only what follows can
    tell.
    """

    def __init__(self) -> None:
        self._streaks = Streaks()
        self._shown: list[Word] = []

    def shown(self, words: Sequence[Word], edge: int, committed: int) -> list[Word]:
        """Return what to show after the committed words.

        Args:
            words: The newest hypothesis, from the first word that was uncommitted before.
            edge: One past the last sample of the window it was heard in.
            committed: How many of its first words are committed now.
        """
        before = self._streaks.texts
        times = self._streaks.times(words)
        texts = self._streaks.texts
        ready = list(words[: max(committed, certain(words, times, edge, SHOWN))])
        places = list(enumerate(ready)) if texts == before else self._merged(ready, texts[: len(ready)], before)
        self._shown = [word for place, word in places if place >= committed]
        self._streaks.forget(committed)
        return self._without_last_mark()

    def reset(self) -> None:
        """Forget: the next words belong to another utterance."""
        self._streaks.reset()
        self._shown = []

    def _merged(self, ready: list[Word], texts: list[str], before: list[str]) -> list[tuple[int, Word]]:
        """Return the words to show, each with its place in the hypothesis: old ones until two hypotheses lack them."""
        old = self._shown
        shown = [plain(word.text) for word in old]
        merged: list[tuple[int, Word]] = []
        for kind, a, a_stop, b, b_stop in SequenceMatcher(None, shown, texts, autojunk=False).get_opcodes():
            new = list(enumerate(ready[b:b_stop], b))
            kept = [(min(b + index, max(b, b_stop - 1)), word) for index, word in enumerate(old[a:a_stop])]
            last = b_stop == len(ready) and a_stop == len(old)
            if kind == "equal":
                merged += kept
            elif kind == "insert":
                merged += new if last or _stand(texts[b:b_stop], before) else []
            elif _stand(shown[a:a_stop], before):
                merged += kept + (new[len(kept) :] if last else [])
            else:
                merged += new
        return merged

    def _without_last_mark(self) -> list[Word]:
        if not self._shown:
            return []
        *words, last = self._shown
        text = last.text.rstrip(MARKS)
        return [*words, replace(last, text=text)] if text else words


def _stand(run: list[str], texts: list[str]) -> bool:
    """Whether a text has these words in a row."""
    return any(texts[at : at + len(run)] == run for at in range(len(texts) - len(run) + 1))

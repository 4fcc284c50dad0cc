"""Which unstable words are shown, and in which form (pure).

The last word of a window is cut by its edge, and what is unsure changes from one update to the next. A reader is
better served by a word that comes a moment later than by one that changes under the eyes. No rule here delays a commit.
"""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from engine.records import Word
from engine.speech.commit import plain
from engine.units import samples

SURE = 0.8  # a word of which the model is this sure may stand
SURE_EDGE_S = 0.1  # this close to the edge of the window;
EDGE_S = 0.3  # one of which it is not waits until it has ended so long ago, or was heard twice
MARKS = " .,;:!?…-—。，、！？"


class Steadiness:
    """Keeps what is displayed of the uncommitted words as it is, until it was contradicted twice.

    Three rules: a word near the edge waits; a displayed word gives way to another only when two hypotheses in a row
    lack it; the last word goes without its mark, which only what follows can tell.
    """

    def __init__(self) -> None:
        self._before: list[str] = []  # the uncommitted words of the hypothesis before
        self._shown: list[Word] = []

    def shown(self, words: Sequence[Word], heard: int, committed: int, *, settled: bool = False) -> list[Word]:
        """Return what to show after the committed words.

        Args:
            words: The newest hypothesis, from the first word that was uncommitted before.
            heard: One past the last sample of the window it was heard in.
            committed: How many of its first words are committed now.
            settled: All that was said was heard to its end: nothing is cut.
        """
        texts = [plain(word.text) for word in words]
        ready = list(words) if settled else list(words[: self._ready(words, texts, heard)])
        certain = settled or texts == self._before
        places = list(enumerate(ready)) if certain else self._merged(ready, texts)
        self._shown = [word for place, word in places if place >= committed]
        self._before = texts[committed:]
        return self._without_last_mark()

    def reset(self) -> None:
        """Forget: the next words belong to another utterance."""
        self._before, self._shown = [], []

    def _ready(self, words: Sequence[Word], texts: Sequence[str], heard: int) -> int:
        """Return how many of the first words are steady enough; what stands before such a word is too."""
        count = 0
        for index, word in enumerate(words):
            edge = samples(SURE_EDGE_S if word.probability >= SURE else EDGE_S)
            if word.stop <= heard - edge or self._before[index : index + 1] == [texts[index]]:
                count = index + 1
        return count

    def _merged(self, ready: list[Word], texts: Sequence[str]) -> list[tuple[int, Word]]:
        """Return the words to show, each with its place in the hypothesis: old ones until two hypotheses lack them."""
        old = self._shown
        merged: list[tuple[int, Word]] = []
        shown = [plain(word.text) for word in old]
        for kind, a, a_stop, b, b_stop in SequenceMatcher(
            None, shown, texts[: len(ready)], autojunk=False
        ).get_opcodes():
            new = list(enumerate(ready[b:b_stop], b))
            kept = [(min(b + index, max(b, b_stop - 1)), word) for index, word in enumerate(old[a:a_stop])]
            last = b_stop == len(ready) and a_stop == len(old)
            if kind == "equal":
                merged += kept
            elif kind == "insert":
                merged += new if last or self._stood(texts[b:b_stop]) else []
            elif self._stood(shown[a:a_stop]):
                merged += kept + (new[len(kept) :] if last else [])
            else:
                merged += new
        return merged

    def _stood(self, run: Sequence[str]) -> bool:
        """Whether the hypothesis before has these words in a row."""
        return any(self._before[at : at + len(run)] == list(run) for at in range(len(self._before) - len(run) + 1))

    def _without_last_mark(self) -> list[Word]:
        if not self._shown:
            return []
        *words, last = self._shown
        text = last.text.rstrip(MARKS)
        return [*words, replace(last, text=text)] if text else words

"""Which span to decode next (pure).

A window reaches from a word boundary some seconds before the first uncommitted word to now. The committed words in
it go in as a forced prefix, the text before it as prompt: so windows stay short however long somebody speaks.
"""

from dataclasses import dataclass, field

from engine.records import Word
from engine.settings import WindowSettings
from engine.units import samples


@dataclass(slots=True)
class WindowPlan:
    """Keeps what was committed and says where windows begin.

    Attributes:
        settings: Lengths.
        step: Samples between two updates.
        words: Committed words that may still stand in a window, in order.
        earlier: Words before those, as text: the prompt.
    """

    settings: WindowSettings
    step: int
    words: list[Word] = field(default_factory=list)
    earlier: list[str] = field(default_factory=list)
    _start: int = 0
    _decoded: int = 0

    def begin(self, start: int, *, fresh: bool = False) -> None:
        """Speech begins at sample `start`; short pauses keep what was said before them in the window.

        Args:
            start: First sample of the speech.
            fresh: Keep nothing: the window shall hold this utterance alone.
        """
        kept = not fresh and self.words and start - self.words[-1].stop <= samples(self.settings.context_gap_s)
        if not kept:
            self._forget(len(self.words))
            self._start = start
        self._decoded = start

    def due(self, now: int) -> bool:
        """Whether a step has passed since the last update."""
        return now - self._decoded >= self.step

    def decoded(self, now: int) -> None:
        """An update was made at sample `now`."""
        self._decoded = now

    def start(self, now: int) -> int:
        """Return where a window that ends now begins, and drop what lies before it.

        It is the first boundary between committed words at most `keep_s` before the last committed word's end.
        """
        if self.words:
            earliest = self.words[-1].stop - samples(self.settings.keep_s)
            passed = sum(word.start < earliest for word in self.words)
            if passed:
                # The last word always stays: its audio is the context that says where the next begins.
                passed = min(passed, len(self.words) - 1)
                self._start = max(self._start, self.words[passed].start)
                self._forget(passed)
        return min(self._start, now)

    def overlong(self, now: int) -> bool:
        """Whether a window that ends now would wait too long for agreement."""
        return now - self._start > samples(self.settings.cap_s)

    def skip(self, to: int) -> None:
        """Give up what was not understood before sample `to`."""
        self._forget(len(self.words))
        self._start = max(self._start, to)

    def commit(self, words: tuple[Word, ...]) -> None:
        """These words are final."""
        self.words.extend(words)

    @property
    def prompt(self) -> str:
        """The text before the window."""
        return "".join(self.earlier)

    def clear(self) -> None:
        """Forget all context: what follows has nothing to do with what was before."""
        self.words.clear()
        self.earlier.clear()

    def _forget(self, count: int) -> None:
        """Move the first words from the window into the prompt."""
        self.earlier.extend(word.text for word in self.words[:count])
        del self.words[:count]
        del self.earlier[: max(0, len(self.earlier) - self.settings.prompt_words)]

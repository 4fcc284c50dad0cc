"""Which span to decode next (pure).

A window reaches from a pause, or from a word boundary some seconds before the first uncommitted word, to now. The
committed words in it go in as a forced prefix, the text before it as prompt: so windows stay short however long
somebody speaks.
"""

from dataclasses import dataclass, field

from engine.records import Word
from engine.settings import WindowSettings
from engine.units import samples

LONGEST_WINDOW_WORDS = 120  # as many are spoken in 30 s, and no more
PAUSES = 16  # as many fit into a window


@dataclass(frozen=True, slots=True)
class Span:
    """A window to come.

    Attributes:
        start: Its first sample.
        prefix: The committed words in it.
        prompt: The text before it.
    """

    start: int
    prefix: tuple[Word, ...] = ()
    prompt: str = ""


@dataclass(slots=True)
class WindowPlan:
    """Keeps what was committed and says where windows begin.

    Attributes:
        settings: Lengths.
        step: Samples between two updates.
        words: The last committed words, in order.
        decoded: Where the last window ended.
    """

    settings: WindowSettings
    step: int
    words: list[Word] = field(default_factory=list)
    decoded: int = 0
    _first: int = 0  # no window begins before this
    _pauses: list[int] = field(default_factory=list)  # nobody spoke there, and what was said before is final

    def begin(self, start: int) -> None:
        """An utterance begins at sample `start`; what was said long before says nothing about it."""
        silence = start - self.words[-1].stop if self.words else start
        if silence > samples(self.settings.context_gap_s):
            self._first = start
        if silence > samples(self.settings.prompt_gap_s):
            self.words.clear()
        self.decoded = start

    def due(self, now: int) -> bool:
        """Whether a step has passed since the last update."""
        return now - self.decoded >= self.step

    def span(self, now: int) -> Span:
        """Return where a window that ends now begins, and what is known of it and before.

        It begins in the last pause that makes it long enough, or with the first word at most `keep_s` before the last
        committed word's end. That word stays in it then, because its sound says where the next begins.
        """
        first = max([self._first, *(at for at in self._pauses if now - at >= samples(self.settings.least_s))])
        inside = [index for index, word in enumerate(self.words) if word.start >= first]
        at, start = len(self.words), first
        if inside:
            earliest = self.words[-1].stop - samples(self.settings.keep_s)
            at = next((index for index in inside if self.words[index].start >= earliest), inside[-1])
            start = first if at == inside[0] else self.words[at].start
        before = self.words[max(0, at - self.settings.prompt_words) : at]
        return Span(min(start, now), tuple(self.words[at:]), "".join(word.text for word in before))

    def pause(self, at: int) -> None:
        """Nobody spoke at sample `at`, and all that was said before is committed.

        A window that begins there cuts no word, and no committed word has to be decoded again.
        """
        self._pauses = [*(before for before in self._pauses if before >= self._first), at][-PAUSES:]

    def overlong(self, now: int) -> bool:
        """Whether a window that ends now would wait too long for agreement."""
        return now - self.span(now).start > samples(self.settings.cap_s)

    def skip(self, to: int) -> None:
        """Give up what was not understood before sample `to`."""
        self._first = max(self._first, to)

    def commit(self, words: tuple[Word, ...]) -> None:
        """These words are final."""
        self.words.extend(words)
        del self.words[: -LONGEST_WINDOW_WORDS - self.settings.prompt_words]

    def clear(self, start: int) -> None:
        """Forget all context: what follows, from sample `start` on, has nothing to do with what was before."""
        self.words.clear()
        self._first = max(self._first, start)

"""What is said in a window: the recogniser, the language, and the doubts about what it writes.

    span → decode → language → guard → words

The pipeline says where to listen and what becomes of the words; how long the decoding took goes to its `Pace`.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from engine.audio.ring import Ring
from engine.records import Hypothesis, Window, Withheld, Word
from engine.speech.certainty import plain
from engine.speech.guard import Evidence, judge
from engine.speech.language import ENOUGH_S, Language
from engine.speech.pace import Pace
from engine.speech.windows import WindowPlan
from engine.units import WINDOW_S, samples
from engine.whisper.recognizer import Recognizer

UNHEARD_S = 0.8  # speech after the last word of a phrase that is worth another look
REMEMBERED = 40  # final words of an utterance that a loop may have begun in


class Hearing:
    """Decodes windows of the sound that was kept, and believes what it should.

    Args:
        recognizer: Hears words.
        language: Which language is spoken.
        history: The sound, by sample index.
        plan: Where windows begin; a change of language drops its context.
        pace: Is told what decoding takes, and says whether there is time to be thorough.
        evidence: Where somebody was heard.
        clock: Seconds, monotonic.

    Attributes:
        recognizer: May be changed between two windows.
        language: As given.
        withheld: What the newest window made doubtful.
        updates: Windows decoded so far.
        decode_s: Wall time of the last one.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        language: Language,
        *,
        history: Ring,
        plan: WindowPlan,
        pace: Pace,
        evidence: Evidence,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.recognizer = recognizer
        self.language = language
        self._history = history
        self._plan = plan
        self._pace = pace
        self._evidence = evidence
        self._clock = clock
        self._begun = 0
        self._said: deque[str] = deque(maxlen=REMEMBERED)
        self.withheld: list[Withheld] = []
        self.updates = 0
        self.decode_s = 0.0

    def begin(self, start: int) -> None:
        """An utterance begins at sample `start`."""
        self._begun = start
        self._said.clear()

    def believe(self, words: Sequence[Word]) -> None:
        """These words are final: what only says them again is a loop."""
        self._said.extend(plain(word.text) for word in words)

    def words(self, now: int, last_speech: int, *, paused: bool) -> tuple[Word, ...]:
        """Return what was probably said in the window that ends at sample `now`, after what is committed.

        Args:
            now: One past the last sample.
            last_speech: One past the last sample that was speech.
            paused: Nothing is cut: the speaker has stopped.
        """
        self.withheld = []
        language = self.language
        hypothesis = None if language.settled else self._settle(now, paused=paused)
        if not language.settled:
            return ()
        window = self._window(now, paused=paused)
        if hypothesis is None or paused or hypothesis.language != language.spoken:
            hypothesis = self._decode(window)
        if language.wavers(hypothesis, closing=paused) and self._changes_language(window):
            window = self._window(now, paused=paused)
            hypothesis = self._decode(window)
        words = self._believed(hypothesis, window.prefix)
        return (*words, *self._unheard(window, words, last_speech)) if paused and self._pace.thorough else words

    def _window(self, now: int, *, paused: bool) -> Window:
        span = self._plan.span(now)
        thorough = self._pace.thorough and (paused or self.recognizer.context.wide)
        sound = self._history.view(span.start, now)[:, 0]
        return Window(sound, span.start, span.prompt, span.prefix, self.language.spoken, thorough)

    def _settle(self, now: int, *, paused: bool) -> Hypothesis:
        """Hear which language the utterance is in, and what is said in it.

        Its own sound alone is heard: text and sound of the utterance before would bias the ear for their language.
        They stay as context when it is the same, and are dropped when it is another.
        """
        language, before = self.language, self.language.spoken
        start = max(self._begun, self._plan.span(now).start)
        hypothesis = self._decode(Window(self._history.view(start, now)[:, 0], start))
        language.heard(hypothesis, now - start, closing=paused)
        if before not in {"", language.spoken}:
            self._plan.clear(start)
        return hypothesis

    def _changes_language(self, window: Window) -> bool:
        """Listen to the last seconds of a window anew; if another language is clearly heard, drop all context.

        The new language begins in the last committed word at the earliest: what is not understood is given to the word
        before it, so that its end says little.
        """
        latest = window.samples[-samples(ENOUGH_S) :]
        start = window.stop - len(latest)
        if not self.language.changes(self._decode(Window(latest, start))):
            return False
        self._plan.clear(max(start, window.prefix[-1].start) if window.prefix else start)
        return True

    def _unheard(self, window: Window, words: tuple[Word, ...], last_speech: int) -> tuple[Word, ...]:
        """Return what was said after the last word of a hypothesis that ended too soon.

        Whisper may take a phrase for the end of a sentence and write no more, though the speech went on. What it left
        out is then decoded by itself.
        """
        known = (*window.prefix, *words)
        start = known[-1].stop if known else window.start
        if last_speech - start < samples(UNHEARD_S):
            return ()
        text = window.prompt + "".join(word.text for word in known)
        tail = replace(window, samples=window.samples[start - window.start :], start=start, prompt=text, prefix=())
        return self._believed(self._decode(tail), window.prefix, words)

    def _believed(
        self, hypothesis: Hypothesis, prefix: tuple[Word, ...], before: tuple[Word, ...] = ()
    ) -> tuple[Word, ...]:
        """Return what was probably said, after a prefix and the words before it; keep the rest for the record."""
        said = (*self._said, *(plain(word.text) for word in before))
        judgement = judge(hypothesis, self._evidence, said, (*prefix, *before))
        told = max((withheld.stop for withheld in self.withheld), default=0)
        self.withheld += [withheld for withheld in judgement.withheld if withheld.stop > told]
        return judgement.words

    def _decode(self, window: Window) -> Hypothesis:
        before, began = self.recognizer.fallback, self._clock()
        hypothesis = self.recognizer.recognize(window)
        done = self._clock()
        self.decode_s = done - began
        if self.recognizer.fallback != before:
            self._pace.begin_anew()
        else:
            padded = self.recognizer.context.least_s >= WINDOW_S
            self._pace.decoded(len(window.samples), self.decode_s, done, padded=padded)
        self.updates += 1
        return hypothesis

"""Sound → captions, synchronously: the whole engine without a thread.

    block → resample → ring → VAD → window → recognise → guard → commit → caption

`Pipeline.feed` in a loop captions a file. Every decision hangs on the sample index alone, so how the sound was cut
into blocks changes nothing; only a caller who is late (`hurry`) skips updates that would be overtaken at once.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from engine.audio.resample import Resampler
from engine.audio.ring import Ring
from engine.records import AudioBlock, Gap, Heard, Hypothesis, Interruption, Level, Samples, Window, Withheld, Word
from engine.settings import TRANSLATE, EngineSettings
from engine.speech.commit import CommitPolicy, LocalAgreement, plain
from engine.speech.display import Steadiness
from engine.speech.guard import judge
from engine.speech.language import ENOUGH_S, Language
from engine.speech.pace import Pace
from engine.speech.segments import Segments
from engine.speech.vad import FRAME, Edge, Hysteresis, SpeechDetector
from engine.speech.windows import WindowPlan
from engine.units import samples, seconds
from engine.whisper.recognizer import Context, Recognizer

HISTORY_S = 40  # the longest window, and room for what arrives while it is decoded
UNHEARD_S = 0.8  # speech after the last word of an utterance that is worth another look
GIVE_UP_S = 3.0  # what an overlong window keeps uncommitted
REMEMBERED = 40  # final words of an utterance that a loop may have begun in
CUT_S = 0.3  # before the edge of a window, a word may be half
TOO_SLOW = "the machine was too slow for all that was said"


class Pipeline:
    """One session's way from sound to captions.

    Args:
        recognizer: Hears words.
        settings: See `EngineSettings`.
        detector: Hears speech.
        policy: Says what is final.
        lighter: Returns a smaller model to be used while the first is too slow, the same at each call, or None.
        clock: Seconds, monotonic; what decoding takes is measured by it.

    Attributes:
        heard: Samples taken in, gaps included: the session's time.
        updates: Windows decoded so far.
        decode_s: Wall time of the last one.
        pace: What is given up when the machine is too slow; nothing where it is not told what waits.
        skipped: Samples of speech left out for want of time.
        clock: As given.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        settings: EngineSettings | None = None,
        *,
        detector: SpeechDetector | None = None,
        policy: CommitPolicy | None = None,
        lighter: Callable[[], Recognizer | None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        settings = settings or EngineSettings()
        self._chosen = self._recognizer = recognizer
        self._load_lighter = lighter
        self._step_s = settings.window.step_s
        self.clock = clock
        self.pace = Pace(self._step_s or recognizer.context.step_s, lighter=lighter is not None)
        self._pad = samples(settings.speech.pad_s)
        self._detector = detector or SpeechDetector()
        self._hysteresis = Hysteresis(settings.speech)
        self._policy = policy or LocalAgreement()
        self._plan = WindowPlan(settings.window, samples(settings.window.step_s or recognizer.context.step_s))
        several = len(recognizer.languages) > 1
        self._language = Language(
            settings.language if several else recognizer.languages[0], translated=settings.task == TRANSLATE
        )
        self._steadiness = Steadiness()
        self._segments = Segments(settings.segment)
        self._resampler: Resampler | None = None
        self._history = Ring(samples(HISTORY_S))
        self._framed = 0  # where the next VAD frame begins
        self._said: deque[str] = deque(maxlen=REMEMBERED)
        self._withheld: list[Withheld] = []  # by the newest decode
        self._given_up = False  # what it withheld will not be decoded again
        self._begun = 0  # where the utterance begins
        self._closed = 0  # no window reaches back before this
        self._probabilities: deque[tuple[int, float]] = deque(maxlen=samples(HISTORY_S) // FRAME)
        self.updates = 0
        self.decode_s = 0.0
        self.skipped = 0

    @property
    def heard(self) -> int:
        """Samples taken in, gaps included."""
        return self._history.written

    @property
    def speaking(self) -> bool:
        """Whether somebody speaks now."""
        return self._hysteresis.speaking

    def recent(self, length: int) -> Samples:
        """Return the last samples, at most `length` of them; good until the next `feed`."""
        return self._history.view(max(self._history.oldest, self.heard - length), self.heard)[:, 0]

    def feed(self, item: AudioBlock | Interruption, *, hurry: bool = False) -> list[Heard]:
        """Take in sound and return what it says.

        Args:
            item: What follows what was fed before.
            hurry: More is waiting: leave out the updates in between. What becomes final is never left out.
        """
        return list(self._interrupt(item) if isinstance(item, Interruption) else self._take(item, hurry=hurry))

    def finish(self) -> list[Heard]:
        """The sound has ended: return what became final with it."""
        return list(self._finish())

    def follow_pace(self) -> None:
        """Update from now on as often, and with the model, that the pace says; a smaller one may have to be loaded."""
        recognizer = self._chosen
        if self.pace.level is Level.LIGHTER and self._load_lighter is not None:
            recognizer = self._load_lighter() or recognizer
            if recognizer is self._chosen:
                self.pace.forgo_lighter()
        self._recognizer = recognizer
        self._plan.step = samples((self._step_s or recognizer.context.step_s) * self.pace.stretch)

    def _take(self, item: AudioBlock, *, hurry: bool) -> Iterator[Heard]:
        if self._resampler is None or self._resampler.sample_rate != item.sample_rate:
            self._flush()
            self._resampler = Resampler(item.sample_rate)
        # A second at a time: a window must still lie in the history when its turn comes.
        for at in range(0, len(item.frames), item.sample_rate):
            piece = AudioBlock(item.frames[at : at + item.sample_rate], item.sample_rate)
            self._history.write(self._resampler.feed(piece))
            yield from self._listen(hurry=hurry)

    def _finish(self) -> Iterator[Heard]:
        self._flush()
        yield from self._listen(hurry=True)
        if self.speaking:
            self._hysteresis.end()
            yield from self._update(self.heard, closing=True)
        self._detector.reset()
        self._framed = self.heard

    def _flush(self) -> None:
        if self._resampler is not None:
            self._history.write(self._resampler.finish())
            self._resampler = None

    def _interrupt(self, interruption: Interruption) -> Iterator[Heard]:
        """Close what was said, and let the time pass in which nothing was heard."""
        yield from self._finish()
        start = self.heard
        self._history.write_silence(samples(interruption.duration_s))
        self._framed = self._closed = self.heard
        yield Gap(start, self.heard, interruption.reason)

    def _listen(self, *, hurry: bool) -> Iterator[Heard]:
        """Take every whole VAD frame that has arrived."""
        count = (self.heard - self._framed) // FRAME
        if not count:
            return
        start, self._framed = self._framed, self._framed + count * FRAME
        frames = self._history.view(start, self._framed).reshape(count, FRAME)
        for index, probability in enumerate(self._detector.probabilities(frames)):
            yield from self._turn(float(probability), start + index * FRAME, hurry=hurry)

    def _turn(self, probability: float, start: int, *, hurry: bool) -> Iterator[Heard]:
        """Take one VAD frame: speech begins, goes on, or ends."""
        now = start + FRAME
        self._probabilities.append((start, probability))
        edge = self._hysteresis.update(probability, start)
        if edge is Edge.STARTED:
            self._begun = max(self._closed, self._hysteresis.started - self._pad)
            self._plan.begin(self._begun)
            self._said.clear()
        elif edge is Edge.ENDED:
            yield from self._update(self._hysteresis.last_speech + self._pad, closing=True)
        elif self.speaking and not hurry and self._plan.due(now):
            yield from self._update(now, closing=False)

    def _update(self, now: int, *, closing: bool) -> Iterator[Heard]:
        """Decode the window that ends at sample `now`, and commit what is final in it."""
        longest_s = self.pace.longest_s(now, self.clock())
        if not (longest_s or closing):
            return
        yield from self._make_room(now, longest_s)
        self._withheld, self._given_up = [], closing
        written = self._language.written
        words = self._recognize(now, closing=closing) if self._plan.start(now) < now else ()
        if written not in {"", self._language.written}:
            yield from self._segments.publish((), (), closing=True, heard=now, language=written)
        count = self._final(words, now, closing=closing)
        self._plan.commit(words[:count])
        self._said.extend(plain(word.text) for word in words[:count])
        self._plan.decoded(now)
        shown = count + self._steadiness.shown(words[count:], now, count)
        if closing:
            self._policy.reset()
            self._steadiness.reset()
            self._language.utterance_ended()
            self._closed = now
        yield from self._segments.publish(
            words[:count], words[count:shown], closing=closing, heard=now, language=self._language.written
        )
        if self._given_up:
            yield from self._withheld

    def _make_room(self, now: int, longest_s: float) -> Iterator[Heard]:
        """Leave out of the window that ends at sample `now` what it has no room for: context, then the oldest sound."""
        start = self._plan.start(now)
        if seconds(now - start) <= longest_s:
            return
        heard = max(start, self._plan.words[-1].stop) if self._plan.words else start
        edge = max(heard, now - samples(longest_s))
        self._plan.skip(edge)
        heard, stop = max(heard, self._hysteresis.started), min(edge, self._hysteresis.last_speech)
        if stop > heard:
            self._policy.reset()
            self._steadiness.reset()
            self.skipped += stop - heard
            yield from self._segments.publish((), (), closing=True, heard=heard, language=self._language.written)
            yield Gap(heard, stop, TOO_SLOW)

    def _recognize(self, now: int, *, closing: bool) -> tuple[Word, ...]:
        """Return what was probably said in the window that ends at sample `now`, after what is committed."""
        language, thorough = self._language, closing and self.pace.thorough
        hypothesis = None if language.settled else self._settle(now, closing=closing)
        if not language.settled:
            return ()
        window = self._window(now, thorough=thorough)
        if hypothesis is None or closing or hypothesis.language != language.spoken:
            hypothesis = self._decode(window)
        if language.wavers(hypothesis, closing=closing) and self._changes_language(window):
            window = self._window(now, thorough=thorough)
            hypothesis = self._decode(window)
        words = self._believed(hypothesis, window.prefix, ())
        return (*words, *self._unheard(window, words)) if thorough else words

    def _window(self, now: int, *, thorough: bool) -> Window:
        plan = self._plan
        start = plan.start(now)
        sound = self._history.view(start, now)[:, 0]
        return Window(sound, start, plan.prompt, tuple(plan.words), self._language.spoken, thorough)

    def _settle(self, now: int, *, closing: bool) -> Hypothesis:
        """Hear which language the utterance is in, and what is said in it.

        Its own sound alone is heard: text and sound of the utterance before would bias the ear for their language.
        They stay as context when it is the same, and are dropped when it is another.
        """
        plan, language, before = self._plan, self._language, self._language.spoken
        start = max(self._begun, plan.start(now))
        hypothesis = self._decode(Window(self._history.view(start, now)[:, 0], start))
        language.heard(hypothesis, now - start, closing=closing)
        if before not in {"", language.spoken}:
            plan.begin(start, fresh=True)
            plan.clear()
        return hypothesis

    def _changes_language(self, window: Window) -> bool:
        """Listen to the last seconds of a window anew; if another language is clearly heard, drop all context.

        The new language begins in the last committed word at the earliest: what is not understood is given to the word
        before it, so that its end says little.
        """
        latest = window.samples[-samples(ENOUGH_S) :]
        start = window.stop - len(latest)
        if not self._language.changes(self._decode(Window(latest, start))):
            return False
        self._plan.skip(max(start, window.prefix[-1].start) if window.prefix else start)
        self._plan.clear()
        self._policy.reset()
        self._steadiness.reset()
        return True

    def _unheard(self, window: Window, words: tuple[Word, ...]) -> tuple[Word, ...]:
        """Return what was said after the last word of a hypothesis that ended too soon.

        Whisper may take a phrase for the end of a sentence and write no more, though the speech went on. What it left
        out is then decoded by itself.
        """
        known = (*window.prefix, *words)
        start = known[-1].stop if known else window.start
        if self._hysteresis.last_speech - start < samples(UNHEARD_S):
            return ()
        text = window.prompt + "".join(word.text for word in known)
        tail = replace(window, samples=window.samples[start - window.start :], start=start, prompt=text, prefix=())
        return self._believed(self._decode(replace(tail, language=self._language.spoken)), window.prefix, words)

    def _believed(self, hypothesis: Hypothesis, prefix: tuple[Word, ...], before: tuple[Word, ...]) -> tuple[Word, ...]:
        """Return what was probably said, after a prefix and the words before it; keep the rest for the record."""
        said = (*self._said, *(plain(word.text) for word in before))
        judgement = judge(hypothesis, self._evidence, said, (*prefix, *before))
        told = max((withheld.stop for withheld in self._withheld), default=0)
        self._withheld += [withheld for withheld in judgement.withheld if withheld.stop > told]
        return judgement.words

    def _decode(self, window: Window) -> Hypothesis:
        began = self.clock()
        hypothesis = self._recognizer.recognize(window)
        done = self.clock()
        self.decode_s = done - began
        padded = self._recognizer.context is Context.PADDED
        self.pace.decoded(len(window.samples), self.decode_s, done, padded=padded)
        self.updates += 1
        return hypothesis

    def _final(self, words: tuple[Word, ...], now: int, *, closing: bool) -> int:
        """Return how many of the words are final."""
        if closing:
            return len(words)
        agreed = self._policy.agreed(words, now)
        if self.pace.is_last_look(now - self._plan.start(now)):
            self._policy.reset()
            self._given_up = True
            return max(agreed, sum(word.stop <= now - samples(CUT_S) for word in words))
        if not self._plan.overlong(now):
            return agreed
        edge = now - samples(GIVE_UP_S)
        forced = sum(word.stop <= edge for word in words)
        if forced > agreed:
            self._policy.reset()
        elif not agreed:
            self._plan.skip(edge)
            self._given_up = True
            self._withheld = [withheld for withheld in self._withheld if withheld.start < edge]
        return max(agreed, forced)

    def _evidence(self, start: int, stop: int) -> float:
        """Return the highest speech probability between two samples."""
        return max((p for at, p in self._probabilities if at < stop and at + FRAME > start), default=0.0)

"""Sound → captions, synchronously: the whole engine without a thread.

    block → resample → ring → VAD → window → recognise → guard → commit → caption

`Pipeline.feed` in a loop captions a file. Every decision hangs on the sample index alone, so how the sound was cut
into blocks changes nothing; only a caller who is late (`hurry`) skips updates that would be overtaken at once.
"""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from engine.audio.resample import Resampler
from engine.audio.ring import Ring
from engine.hearing import Hearing
from engine.records import AudioBlock, Gap, Heard, Interruption, Level, Samples, Word
from engine.settings import TRANSLATE, EngineSettings
from engine.speech.commit import CERTAINTY, TRANSLATION, CommitPolicy
from engine.speech.display import Steadiness
from engine.speech.language import Language
from engine.speech.pace import Pace
from engine.speech.segments import Segments
from engine.speech.vad import FRAME, Edge, Hysteresis, SpeechDetector, SpeechTrack
from engine.speech.windows import WindowPlan
from engine.transcript.sound import SoundLog
from engine.units import samples, seconds
from engine.whisper.recognizer import Recognizer

HISTORY_S = 40  # the longest window, and room for what arrives while it is decoded
HUSH_S = 0.1  # of silence, between two words or inside one: wait whether it is a pause
PAUSE_S = 0.3  # of silence: nothing is cut, and what is heard now is final
PAUSE_CUT_S = 0.1  # after the last speech: where the next window may begin
GIVE_UP_S = 3.0  # what an overlong window keeps uncommitted
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
        translated = settings.task == TRANSLATE
        several = len(recognizer.languages) > 1
        language = Language(settings.language if several else recognizer.languages[0], translated=translated)
        self.clock = clock
        self._chosen = recognizer
        self._load_lighter = lighter
        self._step_s = settings.window.step_s
        self.pace = Pace(self._step_s or recognizer.context.step_s, lighter=lighter is not None)
        self._pad = samples(settings.speech.pad_s)
        self._detector = detector or SpeechDetector()
        self._hysteresis = Hysteresis(settings.speech)
        self._track = SpeechTrack(samples(HISTORY_S))
        self._resampler: Resampler | None = None
        self._history = Ring(samples(HISTORY_S))
        self._policy = policy or CommitPolicy(TRANSLATION if translated else CERTAINTY)
        self._plan = WindowPlan(settings.window, samples(self._step_s or recognizer.context.step_s))
        self._hearing = Hearing(
            recognizer,
            language,
            history=self._history,
            plan=self._plan,
            pace=self.pace,
            evidence=self._track.highest,
            clock=clock,
        )
        self._language = language
        self._steadiness = Steadiness()
        self._segments = Segments(settings.segment)
        self._framed = 0  # where the next VAD frame begins
        self._closed = 0  # no window reaches back before this
        self.skipped = 0
        self._kept: SoundLog | None = None

    @property
    def heard(self) -> int:
        """Samples taken in, gaps included."""
        return self._history.written

    @property
    def speaking(self) -> bool:
        """Whether somebody speaks now."""
        return self._hysteresis.speaking

    @property
    def updates(self) -> int:
        """Windows decoded so far."""
        return self._hearing.updates

    @property
    def decode_s(self) -> float:
        """Wall time of the last one."""
        return self._hearing.decode_s

    @property
    def fallback(self) -> str:
        """What captions come from since a processor failed; nothing while they come from what was chosen."""
        return self._hearing.recognizer.fallback

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

    def keep(self, sound: SoundLog) -> None:
        """Hand over whatever is heard from now on, as it is heard; to be called before the first sound."""
        self._kept = sound

    def follow_pace(self) -> None:
        """Update from now on as often, and with the model, that the pace says; a smaller one may have to be loaded."""
        recognizer = self._chosen
        if self.pace.level is Level.LIGHTER and self._load_lighter is not None:
            recognizer = self._load_lighter() or recognizer
            if recognizer is self._chosen:
                self.pace.forgo_lighter()
        self._hearing.recognizer = recognizer
        self._plan.step = samples((self._step_s or recognizer.context.step_s) * self.pace.stretch)

    def _take(self, item: AudioBlock, *, hurry: bool) -> Iterator[Heard]:
        if self._resampler is None or self._resampler.sample_rate != item.sample_rate:
            self._flush()
            self._resampler = Resampler(item.sample_rate)
        # A second at a time: a window must still lie in the history when its turn comes.
        for at in range(0, len(item.frames), item.sample_rate):
            piece = AudioBlock(item.frames[at : at + item.sample_rate], item.sample_rate)
            self._hear(self._resampler.feed(piece))
            yield from self._listen(hurry=hurry)

    def _finish(self) -> Iterator[Heard]:
        self._flush()
        yield from self._listen(hurry=True)
        if self.speaking:
            yield from self._close()
            self._hysteresis.end()
        self._detector.reset()
        self._framed = self.heard

    def _flush(self) -> None:
        if self._resampler is not None:
            self._hear(self._resampler.finish())
            self._resampler = None

    def _hear(self, heard: Samples) -> None:
        self._history.write(heard)
        if self._kept is not None:
            self._kept.write(heard)

    def _interrupt(self, interruption: Interruption) -> Iterator[Heard]:
        """Close what was said, and let the time pass in which nothing was heard."""
        yield from self._finish()
        start = self.heard
        self._history.write_silence(samples(interruption.duration_s))
        if self._kept is not None:
            self._kept.write_silence(samples(interruption.duration_s))
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
        self._track.add(start, probability)
        edge = self._hysteresis.update(probability, start)
        if edge is Edge.STARTED:
            begun = max(self._closed, self._hysteresis.started - self._pad)
            self._plan.begin(begun)
            self._hearing.begin(begun)
        elif edge is Edge.ENDED:
            yield from self._close()
        elif self.speaking and not hurry and self._due(now):
            yield from self._update(now)

    def _due(self, now: int) -> bool:
        """Whether to decode now: once a step while somebody speaks, once in every pause, and not again in it."""
        silence = now - self._hysteresis.last_speech
        if silence >= samples(PAUSE_S):
            return not self._listened_to_the_end
        return silence < samples(HUSH_S) and self._plan.due(now)

    @property
    def _listened_to_the_end(self) -> bool:
        """Whether the last window held all that was said, and the pause after it."""
        return self._plan.decoded >= self._hysteresis.last_speech + samples(PAUSE_S)

    def _update(self, now: int, *, closing: bool = False) -> Iterator[Heard]:
        """Decode the window that ends at sample `now`, and commit what is final in it."""
        longest_s = self.pace.longest_s(now, self.clock())
        if not (longest_s or closing):
            return
        yield from self._make_room(now, longest_s)
        paused = closing or now - self._hysteresis.last_speech >= samples(PAUSE_S)
        words = yield from self._listen_again(now, paused=paused)
        count, given_up = (len(words), True) if paused else self._final(words, now)
        final = self._commit(words[:count], now)
        self._plan.decoded = now
        if paused:
            self._reset()
            self._plan.pause(min(now, self._hysteresis.last_speech + samples(PAUSE_CUT_S)))
        shown = self._steadiness.shown((*final, *words[count:]), now, count)
        yield from self._segments.publish(final, shown, closing=closing, heard=now, language=self._language.written)
        if given_up:
            yield from self._hearing.withheld

    def _close(self) -> Iterator[Heard]:
        """The utterance has ended: what was heard in its last pause is final already."""
        if self._listened_to_the_end:
            heard, language = self._plan.decoded, self._language.written
            yield from self._segments.publish((), (), closing=True, heard=heard, language=language)
        else:
            yield from self._update(min(self.heard, self._hysteresis.last_speech + self._pad), closing=True)
        self._closed = self._plan.decoded
        self._language.utterance_ended()

    def _listen_again(self, now: int, *, paused: bool) -> Generator[Heard, None, tuple[Word, ...]]:
        """Return the words of the window that ends at sample `now`; another language begins another segment."""
        spoken, written = self._language.spoken, self._language.written
        if self._plan.span(now).start >= now:
            return ()
        words = self._hearing.words(now, self._hysteresis.last_speech, paused=paused)
        if spoken not in {"", self._language.spoken}:
            self._reset()
            yield from self._segments.publish((), (), closing=True, heard=now, language=written)
        return words

    def _commit(self, words: tuple[Word, ...], heard: int) -> tuple[Word, ...]:
        """Make words final, and return them: they end with what was heard."""
        words = tuple(replace(word, start=min(word.start, heard), stop=min(word.stop, heard)) for word in words)
        self._plan.commit(words)
        self._hearing.believe(words)
        return words

    def _reset(self) -> None:
        """Forget the hypotheses before: the next words do not follow from them."""
        self._policy.reset()
        self._steadiness.reset()

    def _make_room(self, now: int, longest_s: float) -> Iterator[Heard]:
        """Leave out of the window that ends at sample `now` what it has no room for: context, then the oldest sound."""
        start = self._plan.span(now).start
        if seconds(now - start) <= longest_s:
            return
        heard = max(start, self._plan.words[-1].stop) if self._plan.words else start
        edge = max(heard, now - samples(longest_s))
        self._plan.skip(edge)
        heard, stop = max(heard, self._hysteresis.started), min(edge, self._hysteresis.last_speech)
        if stop > heard:
            self._reset()
            self.skipped += stop - heard
            yield from self._segments.publish((), (), closing=True, heard=heard, language=self._language.written)
            yield Gap(heard, stop, TOO_SLOW)

    def _final(self, words: tuple[Word, ...], now: int) -> tuple[int, bool]:
        """Return how many of the words are final, and whether the rest of the window is given up."""
        agreed = self._policy.agreed(words, now)
        if self.pace.is_last_look(now - self._plan.span(now).start):
            self._policy.reset()
            return max(agreed, sum(word.stop <= now - samples(CUT_S) for word in words)), True
        if not self._plan.overlong(now):
            return agreed, False
        edge = now - samples(GIVE_UP_S)
        forced = sum(word.stop <= edge for word in words)
        if forced > agreed:
            self._policy.reset()
        elif not agreed:
            self._plan.skip(edge)
            self._hearing.withheld = [one for one in self._hearing.withheld if one.start < edge]
            return 0, True
        return max(agreed, forced), False

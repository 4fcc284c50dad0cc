"""The engine thread: commands in, events out. The only place in `engine` that starts a thread.

commands (any thread) ──▶ queue ──▶ engine thread: source → pipeline → journal → send(event)

IDLE → LOADING → LISTENING ⇄ PAUSED
          │         ⇅
          │     RECOVERING        the source heals itself; captions go on when sound comes again
          ▼         ▼
       FAILED ◀── any         STOPPING → IDLE
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from engine.audio.sources import AudioSource
from engine.errors import EngineError, TranscriptError
from engine.pipeline import Pipeline
from engine.records import Event, Failure, State, StateChange, Stats
from engine.run import Run
from engine.transcript.journal import Journal
from engine.transcript.sound import SoundLog
from engine.units import seconds

POLL_S = 0.1  # how long a command may wait while no sound comes
STATS_S = 1.0  # between two stats events

logger = logging.getLogger(__name__)

_ALLOWED = {
    State.IDLE: {State.LOADING},
    State.LOADING: {State.IDLE, State.LISTENING, State.STOPPING, State.FAILED},
    State.LISTENING: {State.LISTENING, State.PAUSED, State.RECOVERING, State.STOPPING, State.FAILED},
    State.PAUSED: {State.LISTENING, State.RECOVERING, State.STOPPING, State.FAILED},
    State.RECOVERING: {State.RECOVERING, State.LISTENING, State.PAUSED, State.STOPPING, State.FAILED},
    State.STOPPING: {State.IDLE, State.FAILED},
    State.FAILED: {State.LOADING},
}


class Command(Enum):
    """What can be asked of a session, besides starting."""

    PREPARE = "prepare"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Start:
    """Caption this source."""

    source: AudioSource


@dataclass(frozen=True, slots=True)
class Correct:
    """Write down what a person heard in a segment of a transcript."""

    transcript: str | None
    segment: int
    text: str


Order: TypeAlias = Command | Start | Correct


class Session:
    """Captions one source after another on a thread of its own.

    Args:
        make_pipeline: Loads what is needed; called on the engine thread, once for each start.
        send: Takes every event; called on the engine thread, must not wait.
        make_journal: Begins a transcript; without one nothing is kept.
        make_sound: Returns what keeps the sound of a transcript that was begun; None where nobody asked for it.
        correct: Writes a correction into a transcript that has ended: its name, the segment, the text.
    """

    def __init__(
        self,
        *,
        make_pipeline: Callable[[], Pipeline],
        send: Callable[[Event], None],
        make_journal: Callable[[AudioSource], Journal] | None = None,
        make_sound: Callable[[Journal], SoundLog | None] = lambda _journal: None,
        correct: Callable[[str, int, str], None] | None = None,
    ) -> None:
        self._make_pipeline = make_pipeline
        self._make_journal = make_journal
        self._make_sound = make_sound
        self._write_correction = correct
        self._send = send
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._state = State.IDLE
        self._captioning: Run | None = None
        self._pipeline: Pipeline | None = None
        self._transcript_id: str | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    @property
    def state(self) -> State:
        """What the session is doing. Thread: any."""
        return self._state

    def stats(self) -> Stats:
        """Return the newest snapshot. Thread: any."""
        return self._captioning.stats if self._captioning else Stats()

    @property
    def audio_s(self) -> float:
        """Seconds of sound taken in since the start, gaps included. Thread: any."""
        return seconds(self._pipeline.heard) if self._pipeline else 0.0

    @property
    def transcript_id(self) -> str | None:
        """The transcript that was begun last; None when none was kept. Thread: any."""
        return self._transcript_id

    def prepare(self) -> None:
        """Load the model before it is needed. Thread: any; returns at once."""
        self._orders.put(Command.PREPARE)

    def start(self, source: AudioSource) -> None:
        """Caption a source; what runs is stopped first. Thread: any; returns at once."""
        self._orders.put(Start(source))

    def pause(self) -> None:
        """Let sound pass uncaptioned. Thread: any; returns at once."""
        self._orders.put(Command.PAUSE)

    def resume(self) -> None:
        """Caption again. Thread: any; returns at once."""
        self._orders.put(Command.RESUME)

    def stop(self) -> None:
        """Make the last words final and end the transcript. Thread: any; returns at once."""
        self._orders.put(Command.STOP)

    def correct(self, segment: int, text: str) -> None:
        """Write down what a person heard in a segment of the transcript begun last. Thread: any; returns at once."""
        self._orders.put(Correct(self._transcript_id, segment, text))

    def close(self, timeout_s: float = 5.0) -> bool:
        """Stop, and end the thread; return whether it ended in time. Thread: any but the engine's."""
        self._orders.put(Command.CLOSE)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        """Obey until told to close: the engine thread."""
        order: Order | None = None
        while True:
            order = order or self._orders.get()
            if order is Command.CLOSE:
                return
            order = self._guarded(order)

    def _guarded(self, order: Order) -> Order | None:
        """Carry out one order; whatever goes wrong is told and ends in FAILED. Return what is to be done next."""
        try:
            if isinstance(order, Start):
                return self._caption(order.source)
            if isinstance(order, Correct):
                self._correct(order)
            elif order is Command.PREPARE:
                self._enter(State.LOADING)
                self._make_pipeline()
                self._enter(State.IDLE)
        except EngineError as error:
            logger.warning("session failed: %s", error)
            self._fail(Failure(type(error).__name__, str(error), error.hint, fatal=True))
        except Exception as error:  # the engine must not die silently
            logger.exception("session broke")
            hint = "Start again; if it comes back, please report it with the log."
            self._fail(Failure(type(error).__name__, "the engine broke", hint, fatal=True))
        return None

    def _caption(self, source: AudioSource) -> Order | None:
        """Caption a source to its end; return the order that ended it early, if it is more than a stop."""
        self._enter(State.LOADING)
        self._pipeline = self._make_pipeline()
        source.open()
        journal = self._journal(source)
        self._transcript_id = journal.id if journal else None
        sound = self._make_sound(journal) if journal else None
        run = Run(self._pipeline, journal, self._send, self._enter, live=source.live, sound=sound)
        self._captioning = run
        try:
            self._enter(State.LISTENING, source.name)
            order = self._listen(source, run)
            self._enter(State.STOPPING)
            run.finish()
        finally:
            source.close()
            run.close()
        self._enter(State.IDLE)
        return order

    def _journal(self, source: AudioSource) -> Journal | None:
        """Begin a transcript; captions without one are better than none."""
        try:
            return self._make_journal(source) if self._make_journal else None
        except TranscriptError as error:
            self._send(Failure(type(error).__name__, str(error), error.hint))
            return None

    def _correct(self, order: Correct, run: Run | None = None) -> None:
        """Write a correction into a transcript, which `run` may be writing now; what stands in the way is told."""
        if run is not None and order.transcript is not None and order.transcript == self._transcript_id:
            run.correct(order.segment, order.text)
            return
        if order.transcript is None or self._write_correction is None:
            self._send(Failure("TranscriptError", "There is no transcript to correct", "Begin another one."))
            return
        try:
            self._write_correction(order.transcript, order.segment, order.text)
        except TranscriptError as error:
            self._send(Failure(type(error).__name__, str(error), error.hint))

    def _listen(self, source: AudioSource, run: Run) -> Order | None:
        told = time.monotonic()
        while not source.exhausted:
            order = self._next_order()
            if order is Command.PAUSE:
                run.pause()
            elif order is Command.RESUME:
                run.resume(source.name)
            elif isinstance(order, Correct):
                self._correct(order, run)
            elif order is Command.STOP:
                return None
            elif isinstance(order, Start) or order is Command.CLOSE:
                return order
            run.take(source.read(POLL_S))
            if time.monotonic() - told >= STATS_S:
                told = time.monotonic()
                self._send(run.stats)
        return None

    def _next_order(self) -> Order | None:
        try:
            return self._orders.get_nowait()
        except queue.Empty:
            return None

    def _enter(self, state: State, detail: str = "") -> None:
        """Change the state by one of the ways that there are.

        Raises:
            ValueError: There is no such way.
        """
        if state not in _ALLOWED[self._state]:
            raise ValueError(f"a session cannot go from {self._state.value} to {state.value}")
        self._state = state
        self._send(StateChange(state, detail))

    def _fail(self, failure: Failure) -> None:
        """Tell that the session has ended; the thread outlives even a listener that breaks."""
        events: list[Event] = [failure]
        if self._state not in {State.IDLE, State.FAILED}:
            self._state = State.FAILED
            events.append(StateChange(State.FAILED, failure.message))
        for event in events:
            try:
                self._send(event)
            except Exception:
                logger.exception("the failure could not be told")

"""One source being captioned: what a session holds between a start and its end."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from engine.audio.level import level_db
from engine.errors import TranscriptError
from engine.pipeline import Pipeline
from engine.records import (
    AudioBlock,
    Caption,
    Event,
    Failure,
    Gap,
    Heard,
    Interruption,
    Notice,
    SourceItem,
    State,
    Stats,
    Withheld,
)
from engine.transcript.journal import Journal
from engine.units import samples, seconds

LEVEL_S = 0.5  # of sound that the level is measured over


class Run:
    """Feeds the pipeline, keeps what it says, then shows it.

    A caption is in the journal before it is sent. What the journal cannot write waits in it; the trouble is told.

    Args:
        pipeline: New.
        journal: New, or None to keep nothing.
        send: Takes every event.
        enter: Changes the session's state.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        journal: Journal | None,
        send: Callable[[Event], None],
        enter: Callable[[State, str], None],
    ) -> None:
        self._pipeline = pipeline
        self._journal = journal
        self._send = send
        self._enter = enter
        self._paused_s: float | None = None
        self._healthy = True
        self._measured = time.monotonic()

    def pause(self) -> None:
        """Sound passes from now on."""
        if self._paused_s is None:
            self._paused_s = 0.0
            self._tell(self._pipeline.finish())
            self._enter(State.PAUSED, "")

    def resume(self, name: str) -> None:
        """What passed was a gap."""
        if self._paused_s is not None:
            missed, self._paused_s = self._paused_s, None
            self._feed(Interruption(missed, "paused"), hurry=False)
            self._enter(State.LISTENING if self._healthy else State.RECOVERING, name)

    def take(self, items: Sequence[SourceItem]) -> Stats:
        """Caption what has arrived at once, and return how it went."""
        began = time.monotonic()
        arrived_s = 0.0
        for index, item in enumerate(items):
            if isinstance(item, Notice):
                self._notice(item)
                continue
            arrived_s += _duration_s(item)
            if self._paused_s is not None:
                self._paused_s += _duration_s(item)
            else:
                self._feed(item, hurry=index < len(items) - 1)
        self._keep(lambda journal: journal.sync_if_due(time.monotonic()))
        return self._measure(began, arrived_s)

    def finish(self) -> None:
        """Make the last words final."""
        if self._paused_s:
            self._feed(Interruption(self._paused_s, "paused"), hurry=False)
        self._tell(self._pipeline.finish())

    def close(self) -> None:
        """End the transcript, whatever state it is in."""
        self._keep(lambda journal: journal.close())

    def _feed(self, item: AudioBlock | Interruption, *, hurry: bool) -> None:
        self._tell(self._pipeline.feed(item, hurry=hurry))

    def _notice(self, notice: Notice) -> None:
        """The source has lost its sound, or found it again."""
        self._healthy = notice.healthy
        if self._paused_s is None:
            self._enter(State.LISTENING if notice.healthy else State.RECOVERING, notice.detail)

    def _tell(self, events: Iterable[Heard]) -> None:
        """Keep each event, then show it."""
        for event in events:
            self._keep(partial(_record, event))
            self._send(event)

    def _keep(self, write: Callable[[Journal], None]) -> None:
        """Write to the journal; what it cannot write it keeps, and captions go on."""
        if self._journal is None:
            return
        try:
            write(self._journal)
        except TranscriptError as error:
            self._send(Failure(type(error).__name__, str(error), error.hint))

    def _measure(self, began: float, arrived_s: float) -> Stats:
        now = time.monotonic()
        pipeline, elapsed = self._pipeline, now - self._measured
        self._measured = now
        return Stats(
            audio_s=seconds(pipeline.heard),
            lag_s=now - began + arrived_s,
            level_db=level_db(pipeline.recent(samples(LEVEL_S))),
            updates=pipeline.updates,
            decode_ms=pipeline.decode_s * 1000,
            busy=(now - began) / elapsed if elapsed else 0.0,
            speaking=pipeline.speaking,
        )


def _record(event: Heard, journal: Journal) -> None:
    match event:
        case Caption():
            journal.caption(event)
        case Gap():
            journal.gap(event)
        case Withheld():
            journal.withheld(event)


def _duration_s(item: AudioBlock | Interruption) -> float:
    return item.duration_s if isinstance(item, Interruption) else len(item.frames) / item.sample_rate

"""One source being captioned: what a session holds between a start and its end."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from engine.audio.level import level_db
from engine.audio.sources import BLOCK_S
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
from engine.transcript.sound import SoundLog
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
        live: The sound goes on whether or not it is taken: what has to wait is late, and may be too much.
        sound: Keeps what is heard; None where nobody asked for it.

    Attributes:
        stats: The newest snapshot. Thread: any may read it.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        journal: Journal | None,
        send: Callable[[Event], None],
        enter: Callable[[State, str], None],
        *,
        live: bool = False,
        sound: SoundLog | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._journal = journal
        self._send = send
        self._enter = enter
        self._live = live
        self._sound = sound
        if sound is not None:
            pipeline.keep(sound)
        self.stats = Stats()
        self._paused_s: float | None = None
        self._healthy = True
        self._measured = pipeline.clock()
        self._cpu_s = time.process_time()

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

    def take(self, items: Sequence[SourceItem]) -> None:
        """Caption what has arrived at once, and measure how it went."""
        pipeline, began = self._pipeline, self._pipeline.clock()
        pieces = [piece for item in items for piece in _pieces(item)] if self._live else items
        blocks_s = [_duration_s(piece) for piece in pieces if isinstance(piece, AudioBlock)]
        waiting_s = sum(blocks_s[1:])  # the first came just now, if nothing else did
        if self._live:
            self._begin(waiting_s, began)
        self._take(pieces, sum(blocks_s), began)
        if self._live:
            pipeline.pace.end(pipeline.clock())
            pipeline.follow_pace()
        now = time.monotonic()
        self._keep(lambda journal: journal.sync_if_due(now))
        self._keep_sound(lambda sound: sound.sync_if_due(now))
        self.stats = self._measure(began, waiting_s)

    def _begin(self, waiting_s: float, began: float) -> None:
        """Tell the pace what waits, and the person what follows from it: the next decode may take seconds."""
        pace = self._pipeline.pace
        pace.begin(waiting_s, began)
        self._pipeline.follow_pace()
        if pace.level is not self.stats.level:
            self.stats = replace(self.stats, level=pace.level)
            self._send(self.stats)

    def _take(self, pieces: Sequence[SourceItem], ahead_s: float, began: float) -> None:
        """Feed what has come, of which `ahead_s` is sound."""
        for index, item in enumerate(pieces):
            if isinstance(item, Notice):
                self._notice(item)
                continue
            if self._paused_s is not None:
                self._paused_s += _duration_s(item)
                continue
            if self._live:
                self._pipeline.pace.arrived(self._pipeline.heard + samples(ahead_s), began)
            self._feed(item, hurry=index < len(pieces) - 1)
            ahead_s -= _duration_s(item) if isinstance(item, AudioBlock) else 0.0

    def finish(self) -> None:
        """Make the last words final."""
        if self._paused_s:
            self._feed(Interruption(self._paused_s, "paused"), hurry=False)
        self._tell(self._pipeline.finish())

    def close(self) -> None:
        """End the transcript, whatever state it is in."""
        self._keep(lambda journal: journal.close())
        self._keep_sound(lambda sound: sound.close())

    def correct(self, segment: int, text: str) -> None:
        """Write down what a person heard in a segment."""
        self._keep(lambda journal: journal.edit(segment, text))

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
        if self._journal is not None:
            self._telling(partial(write, self._journal))

    def _keep_sound(self, write: Callable[[SoundLog], None]) -> None:
        if self._sound is not None:
            self._telling(partial(write, self._sound))

    def _telling(self, write: Callable[[], None]) -> None:
        """Write; what goes wrong is told."""
        try:
            write()
        except TranscriptError as error:
            self._send(Failure(type(error).__name__, str(error), error.hint))

    def _measure(self, began: float, waiting_s: float) -> Stats:
        pipeline = self._pipeline
        now = pipeline.clock()
        elapsed, self._measured = now - self._measured, now
        return Stats(
            audio_s=seconds(pipeline.heard),
            lag_s=now - began + waiting_s,
            level_db=level_db(pipeline.recent(samples(LEVEL_S))),
            updates=pipeline.updates,
            decode_ms=pipeline.decode_s * 1000,
            busy=(now - began) / elapsed if elapsed else 0.0,
            speaking=pipeline.speaking,
            level=pipeline.pace.level,
            skipped_s=seconds(pipeline.skipped),
            cpu_s=time.process_time() - self._cpu_s,
            fallback=pipeline.fallback,
        )


def _record(event: Heard, journal: Journal) -> None:
    match event:
        case Caption():
            journal.caption(event)
        case Gap():
            journal.gap(event)
        case Withheld():
            journal.withheld(event)


def _pieces(item: SourceItem) -> Iterator[SourceItem]:
    """Cut what a device delivered at once after a long wait: the updates in it would be overtaken, but for the last."""
    if not isinstance(item, AudioBlock):
        yield item
        return
    length = max(1, round(BLOCK_S * item.sample_rate))
    for at in range(0, len(item.frames), length):
        yield AudioBlock(item.frames[at : at + length], item.sample_rate)


def _duration_s(item: AudioBlock | Interruption) -> float:
    return item.duration_s if isinstance(item, Interruption) else len(item.frames) / item.sample_rate

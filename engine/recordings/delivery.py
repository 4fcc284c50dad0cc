"""Recordings in, files out: what is done already is left alone, what was begun goes on, what fails is told.

A transcript is written when its recording is done, wholly or not at all. What lies in its place and was not written
here, or was changed since, is left as it is.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from engine.errors import EngineError, TranscriptError
from engine.recordings.hearing import Heard
from engine.recordings.ledger import Ledger, output
from engine.recordings.places import Place
from engine.recordings.text import doubted, segments
from engine.recordings.transcriber import Advanced, Crew, Finished, Job
from engine.transcript.export import write
from engine.transcript.records import Header, Transcript


@dataclass(frozen=True, slots=True)
class Skipped:
    """It is done already, with the same settings."""

    place: Place


@dataclass(frozen=True, slots=True)
class Progress:
    """So many samples are done, the first of them `before`; `length` is how many the recording says it has, or None."""

    place: Place
    done: int
    length: int | None
    before: int = 0


@dataclass(frozen=True, slots=True)
class Delivered:
    """Its transcript is written to `outputs`; `length` is that of the recording in samples, the first done `before`."""

    place: Place
    outputs: tuple[Path, ...]
    transcript: Transcript
    length: int
    before: int = 0


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be transcribed, or its transcript not be written."""

    place: Place
    error: EngineError


Report: TypeAlias = Skipped | Progress | Delivered | Failed


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made of recordings.

    Attributes:
        formats: Of `engine.transcript.export.FORMATS`.
        model: Name of the model.
        settings: What else the words hang on, as JSON can say it.
        translated: The language of the text where it is not the one that is spoken.
        again: What is done already is done again, and what lies in its place replaced.
    """

    formats: Sequence[str]
    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    translated: str = ""
    again: bool = False


def deliver(
    places: Iterable[Place], order: Order, ledgers: Path, crew: Callable[[], Crew]
) -> Generator[Report, None, None]:
    """Yield what becomes of each recording.

    Args:
        places: The recordings, and where their transcripts go.
        order: What is to be made of them.
        ledgers: A folder for what is known of recordings on their way.
        crew: Makes one, once there is something to do.
    """
    waiting = []
    for place in places:
        report = _checked(place, order, ledgers)
        if report is None:
            waiting.append(place)
        else:
            yield report
    if waiting:
        yield from _transcribed(waiting, order, ledgers, crew())


def transcript_of(recording: Path, heard: Sequence[Heard], order: Order) -> Transcript:
    """Return the transcript of a recording of which this was heard."""
    written = datetime.fromtimestamp(recording.stat().st_mtime).astimezone()
    header = Header(recording.stem, recording.stem, written, recording.name, order.model)
    text = segments(heard, translated=order.translated)
    return Transcript(header, text, ended=True, withheld=doubted(heard))


def _checked(place: Place, order: Order, ledgers: Path) -> Report | None:
    """Return what is known of a recording without hearing it; None where it must be heard."""
    try:
        ledger = _ledger(place, order, ledgers)
        if order.again:
            return None
        if ledger.written(order.formats):
            return Skipped(place)
        if foreign := ledger.foreign(order.formats):
            raise TranscriptError(
                f"{foreign[0]} is there already, and is not as Undertext wrote it",
                hint="Name another folder with --output, or replace it with --again.",
            )
    except EngineError as error:
        return Failed(place, error)
    return None


def _ledger(place: Place, order: Order, ledgers: Path) -> Ledger:
    return Ledger(ledgers, place.recording, place.target, {"model": order.model, **order.settings})


def _transcribed(places: Sequence[Place], order: Order, ledgers: Path, crew: Crew) -> Iterator[Report]:
    begun: dict[Job, tuple[Place, Ledger]] = {}

    def jobs() -> Iterator[Job]:
        for place in places:
            ledger = _ledger(place, order, ledgers)
            if order.again:
                ledger.forget()
            job = Job(place.recording, ledger)
            begun[job] = place, ledger
            yield job

    try:
        for report in crew.transcribe(jobs()):
            place, ledger = begun[report.job]
            if isinstance(report, Advanced):
                yield Progress(place, report.done, report.length, report.before)
                continue
            del begun[report.job]
            with closing(ledger):
                yield (
                    _written(place, ledger, report, order)
                    if isinstance(report, Finished)
                    else Failed(place, report.error)
                )
    finally:
        for _, ledger in begun.values():
            ledger.close()


def _written(place: Place, ledger: Ledger, finished: Finished, order: Order) -> Report:
    """Write a transcript in its formats."""
    try:
        transcript = transcript_of(place.recording, finished.heard, order)
        place.target.parent.mkdir(parents=True, exist_ok=True)
        ledger.begin(order.formats)
        outputs = tuple(write(transcript, kind, output(place.target, kind)) for kind in order.formats)
        ledger.end(order.formats)
    except OSError as error:
        hint = "Name another folder with --output."
        return Failed(place, TranscriptError(f"{place.target.parent} cannot be made ({error.strerror})", hint=hint))
    except EngineError as error:
        return Failed(place, error)
    return Delivered(place, outputs, transcript, finished.length, finished.before)

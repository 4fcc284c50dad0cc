"""A transcript as it is read back: what a session's journal says, in milliseconds.

Where `engine.records` speaks in samples while a session runs, these records are what remains of it. They
import nothing of the engine, so that reading and exporting a transcript costs no numpy.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Header:
    """Where a transcript comes from.

    Attributes:
        id: Name of the session, unique within its library.
        title: For people.
        started: When the session began, with its time zone.
        source: The device or file that was heard.
        model: Name of the model that listened.
    """

    id: str
    title: str
    started: datetime
    source: str
    model: str


@dataclass(frozen=True, slots=True)
class TimedWord:
    """One word as the recogniser wrote it; `text` carries its leading space and its punctuation."""

    text: str
    start_ms: int
    end_ms: int
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of speech.

    Attributes:
        id: Number within the session.
        start_ms: Where its words begin.
        end_ms: Where they end.
        text: Everything that was committed.
        language: ISO 639-1 code of the text, as in `Caption`.
        final: Nothing was to follow; False where a session broke off.
        words: With their times; empty where a session broke off or the text was edited.
        corrected: A person wrote the text; it is empty where they heard nobody.
    """

    id: int
    start_ms: int
    end_ms: int
    text: str
    language: str
    final: bool
    words: tuple[TimedWord, ...] = ()
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class MissedSpan:
    """A span that was not captioned, and why."""

    start_ms: int
    end_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Doubted:
    """What the model wrote and was not believed to be speech, and why."""

    start_ms: int
    end_ms: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """What a person wrote down, and where the transcript stood then."""

    at_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """Everything that is known of one session.

    Attributes:
        header: Where it comes from.
        segments: In the order of their numbers.
        gaps: In the order they were met.
        notes: In the order they were written.
        ended: The session was closed; False after a crash, and while it runs.
        withheld: What was kept from the captions, in the order it was met; no part of the text.
    """

    header: Header
    segments: tuple[Segment, ...] = ()
    gaps: tuple[MissedSpan, ...] = ()
    notes: tuple[Note, ...] = ()
    ended: bool = False
    withheld: tuple[Doubted, ...] = ()

    @property
    def duration_ms(self) -> int:
        """The last moment that the transcript speaks of."""
        ends = [segment.end_ms for segment in self.segments] + [gap.end_ms for gap in self.gaps]
        return max(ends, default=0)

    @property
    def words(self) -> int:
        """How many words were said."""
        return sum(len(segment.words) or len(segment.text.split()) for segment in self.segments)

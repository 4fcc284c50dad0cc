"""From the lines of a journal to the transcript they tell."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from operator import index
from typing import Any

from engine.errors import JournalCorrupt, TranscriptError
from engine.transcript.journal import VERSION
from engine.transcript.records import Doubted, Header, MissedSpan, Note, Segment, TimedWord, Transcript


class Replay:
    """Folds records, one by one, into a transcript.

    Attributes:
        last: The highest `n` seen; -1 before the first.
        totals: Length in milliseconds and number of words, as the session's end says; None without one.
    """

    def __init__(self, session: str) -> None:
        # A damaged first line costs no text: the name still tells the time, the rest is unknown.
        self._header = Header(session, "", _started(session), "", "")
        self._segments: dict[int, Mapping[str, Any]] = {}
        self._edits: dict[int, str] = {}
        self._gaps: list[MissedSpan] = []
        self._notes: list[Note] = []
        self._withheld: list[Doubted] = []
        self.last = -1
        self.totals: tuple[int, int] | None = None

    def take(self, record: Mapping[str, Any]) -> None:
        """Fold one record; one of an unknown type, or without what its type must have, changes nothing.

        Raises:
            TranscriptError: It comes from a version of the format that is not known here.
        """
        self.last = max(self.last, record["n"])
        try:
            match record.get("type"):
                case "seg":
                    self._take_segment(record)
                case "gap":
                    self._gaps.append(
                        MissedSpan(index(record["start_ms"]), index(record["end_ms"]), str(record["reason"]))
                    )
                case "withheld":
                    span = index(record["start_ms"]), index(record["end_ms"])
                    self._withheld.append(Doubted(*span, str(record["text"]), str(record["reason"])))
                case "note":
                    self._notes.append(Note(index(record["at_ms"]), str(record["text"])))
                case "edit":
                    self._edits[index(record["id"])] = str(record["text"])
                case "hdr":
                    self._take_header(record)
                case "end":
                    self.totals = index(record["end_ms"]), index(record["words"])
        except (KeyError, TypeError, ValueError):
            return

    def transcript(self) -> Transcript:
        """Return what all records together say.

        Raises:
            JournalCorrupt: There was no intact record.
        """
        if self.last < 0:
            raise JournalCorrupt(f"Session {self._header.id} holds no intact line", hint="Delete it.")
        segments = [self._edited(_segment(self._segments[number])) for number in sorted(self._segments)]
        rest = tuple(self._gaps), tuple(self._notes), self.totals is not None, tuple(self._withheld)
        return Transcript(self._header, tuple(segments), *rest)

    def _take_header(self, record: Mapping[str, Any]) -> None:
        if index(record["version"]) > VERSION:
            raise TranscriptError(
                f"Session {self._header.id} was written by a newer Undertext",
                hint="Update Undertext to read it.",
            )
        title, source, model = (str(record[key]) for key in ("title", "source", "model"))
        self._header = Header(self._header.id, title, datetime.fromisoformat(record["started"]), source, model)

    def _take_segment(self, record: Mapping[str, Any]) -> None:
        number, rev = index(record["id"]), index(record["rev"])
        if number not in self._segments or self._segments[number]["rev"] <= rev:
            self._segments[number] = record

    def _edited(self, segment: Segment) -> Segment:
        text = self._edits.get(segment.id)
        return segment if text is None else replace(segment, text=text, words=(), corrected=True)


def replay(session: str, records: Iterable[Mapping[str, Any]]) -> Transcript:
    """Return the transcript that the records of a session tell.

    Raises:
        JournalCorrupt: There is none.
        TranscriptError: They come from a newer version.
    """
    fold = Replay(session)
    for record in records:
        fold.take(record)
    return fold.transcript()


def _segment(record: Mapping[str, Any]) -> Segment:
    words = tuple(TimedWord(*word) for word in record.get("words", ()))
    span = record["start_ms"], record["end_ms"]
    return Segment(record["id"], *span, record["text"], record["lang"], record["final"], words)


def _started(session: str) -> datetime:
    try:
        return datetime.strptime(session[:15], "%Y%m%d-%H%M%S").astimezone()
    except ValueError:
        return datetime.fromtimestamp(0, UTC)

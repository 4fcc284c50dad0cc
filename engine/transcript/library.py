"""The sessions of a folder: list, read, delete, go on with one.

There is no index and no repair: a session is the lines of its files, and one that crashed is read like
any other.
"""

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.errors import SessionUnknown, TranscriptError
from engine.transcript.disk import Disk, is_locked
from engine.transcript.journal import Journal, decode, read_lines
from engine.transcript.log import SUFFIX, LineLog
from engine.transcript.records import Transcript
from engine.transcript.replay import Replay, replay
from engine.transcript.sound import sound_files

_TAIL = 1024  # bytes; the line that ends a session has about 70


@dataclass(frozen=True, slots=True)
class Summary:
    """One session in a list.

    Attributes:
        id: Its name.
        title: For people; may be empty.
        started: When it began, with its time zone.
        source: The device or file that was heard.
        duration_ms: The last moment that it speaks of.
        words: How many were said.
        ended: It was closed.
        live: It is being written now. One neither live nor ended broke off; reading it is its recovery.
    """

    id: str
    title: str
    started: datetime
    source: str
    duration_ms: int
    words: int
    ended: bool
    live: bool


class Library:
    """All sessions of one folder.

    Thread: any; nothing is kept between calls.

    Args:
        folder: Where the journals lie; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sessions(self) -> list[Summary]:
        """Return all sessions that hold an intact line, the newest first."""
        found = [_summary(session, parts) for session, parts in self._parts().items()]
        return sorted(filter(None, found), key=lambda summary: (summary.started, summary.id), reverse=True)

    def resolve(self, name: str) -> str:
        """Return the full id of the session that `name` means.

        Args:
            name: An id, the beginning of exactly one, or "last" for the newest session.

        Raises:
            SessionUnknown: There is none, or there are several.
        """
        if name == "last":
            sessions = self.sessions()
            if not sessions:
                raise SessionUnknown(f"There is no session in {self._folder}", hint="Start one first.")
            return sessions[0].id
        ids = self._parts()
        matches = [name] if name in ids else sorted(session for session in ids if name and session.startswith(name))
        if len(matches) == 1:
            return matches[0]
        hint = f"Say which: {', '.join(matches[:5])}." if matches else 'List the sessions, or say "last".'
        raise SessionUnknown(f"{len(matches) or 'No'} sessions match {name!r}", hint=hint)

    def read(self, name: str) -> Transcript:
        """Return a session's transcript as far as it was written, also while it runs.

        Args:
            name: As for `resolve`.

        Raises:
            SessionUnknown: There is no such session.
            JournalCorrupt: It holds no intact line.
            TranscriptError: A file cannot be read, or comes from a newer version.
        """
        session = self.resolve(name)
        try:
            return replay(session, read_lines(self._parts()[session]))
        except OSError as error:
            raise TranscriptError(
                f"Session {session} cannot be read ({error.strerror})",
                hint="Check the disk and its permissions.",
            ) from error

    def reopen(self, name: str) -> Journal:
        """Return a journal that goes on where a session stopped, for notes and corrections.

        Raises:
            SessionUnknown: There is no such session.
            TranscriptError: It is being written, or cannot be.
        """
        session = self.resolve(name)
        parts = self._parts()[session]
        header, _, _ = parts[0].read_bytes().partition(b"\n")
        log = LineLog(self._folder, session, header + b"\n", Disk())
        log.resume(part_number(parts[-1]))
        try:
            fold = Replay(session)
            for record in read_lines(parts):
                fold.take(record)
            transcript = fold.transcript()
        except BaseException:
            log.close()
            raise
        return Journal(log, number=fold.last + 1, end_ms=transcript.duration_ms, words=transcript.words)

    def correct(self, name: str, segment: int, text: str) -> None:
        """Write down what a person heard in a segment of a session that is over; an empty text says: nobody spoke.

        Raises as `correct_all`.
        """
        self.correct_all(name, {segment: text})

    def correct_all(self, name: str, texts: Mapping[int, str]) -> None:
        """Write down what a person heard in several segments, by their numbers.

        Raises:
            SessionUnknown: There is no such session.
            TranscriptError: It is being written, or cannot be.
        """
        journal = self.reopen(name)
        try:
            for segment, text in texts.items():
                journal.edit(segment, text)
        finally:
            journal.close()

    def delete(self, name: str) -> None:
        """Remove a session and all its files, its sound before its words.

        Raises:
            SessionUnknown: There is no such session.
            TranscriptError: It is being written, or cannot be removed.
        """
        session = self.resolve(name)
        parts = self._parts()[session]
        if any(map(is_locked, parts)):
            raise TranscriptError(f"Session {session} is being written", hint="Stop it first.")
        try:
            for path in [*(file.path for file in sound_files(self._folder, session)), *parts]:
                path.unlink()
            Disk().sync_folder(self._folder)
        except OSError as error:
            raise TranscriptError(
                f"Session {session} cannot be deleted ({error.strerror})",
                hint="Check the folder's permissions.",
            ) from error

    def _parts(self) -> dict[str, list[Path]]:
        """Every session's files, in order."""
        parts: defaultdict[str, list[Path]] = defaultdict(list)
        if self._folder.is_dir():
            for path in self._folder.glob(f"*{SUFFIX}"):
                session, _, part = path.name.removesuffix(SUFFIX).partition(".")
                if session and (not part or part.isdecimal()):
                    parts[session].append(path)
        return {session: sorted(paths, key=part_number) for session, paths in parts.items()}


def part_number(path: Path) -> int:
    """Return which part of its session a file is, from 0."""
    return int(path.name.removesuffix(SUFFIX).partition(".")[2] or 0)


def _summary(session: str, parts: list[Path]) -> Summary | None:
    """Sum up a session: by its first and last line when it was closed, else by all of them."""
    fold = Replay(session)
    try:
        live = any(map(is_locked, parts))
        closed = _first_and_last(parts)
        for record in closed or read_lines(parts):
            fold.take(record)
        transcript = fold.transcript()
    except (OSError, TranscriptError):
        return None
    duration_ms, words = (closed and fold.totals) or (transcript.duration_ms, transcript.words)
    header = transcript.header
    return Summary(session, header.title, header.started, header.source, duration_ms, words, transcript.ended, live)


def _first_and_last(parts: list[Path]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the header and the end of a session that was closed, or None."""
    with parts[0].open("rb") as file:
        first = decode(file.readline().removesuffix(b"\n"))
    with parts[-1].open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        last = decode(file.read().removesuffix(b"\n").rpartition(b"\n")[2])
    if first is None or last is None or (first.get("type"), last.get("type")) != ("hdr", "end"):
        return None
    return first, last

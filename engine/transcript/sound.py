"""The sound of a session, beside its journal: kept where a person asked for it, and deleted with its transcript.

Files
    `ID.START.flac`, mode 0600, beside `ID.jsonl`: what the engine heard from sample START of the session on, 16 kHz
    mono, up to a gap. What lies between two files was not heard: it is silence. Files are appended to, a whole FLAC
    frame at a time: killed at any moment, all but the last second can be read. None is ever synced: a transcript is
    worth waiting for a disk, its sound is not.

Where the disk is full, or nearly (the last of it is the transcript's), or fails, the sound of that time is lost; a new
file begins when it can be written again. It is told once, and costs neither captions nor the journal anything.
"""

import errno
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import DiskFull, TranscriptError
from engine.transcript.disk import FULL, Disk

if TYPE_CHECKING:  # they need numpy; who only deletes does not
    from engine.records import Samples

SUFFIX = ".flac"
EVERY_S = 1.0  # what waits is written: what a crash may cost
RETRY_S = 30.0  # after a fault
SPARE = 256 << 20  # bytes that are left to the transcript: of words alone, a year


@dataclass(frozen=True, slots=True)
class SoundFile:
    """One file of a session's sound; `start` is its first sample."""

    path: Path
    start: int


def sound_files(folder: Path, session: str) -> list[SoundFile]:
    """Return the sound that was kept of a session, in order; empty where none was."""
    pattern = re.compile(rf"{re.escape(session)}\.(\d+){re.escape(SUFFIX)}")
    found = [(path, pattern.fullmatch(path.name)) for path in folder.glob(f"{session}.*{SUFFIX}")]
    files = [SoundFile(path, int(match[1])) for path, match in found if match]
    return sorted(files, key=lambda file: file.start)


class Room(Disk):
    """The system calls of a journal, and how much room is left."""

    def free(self, folder: Path) -> int:
        """Return how many bytes can still be written there."""
        return shutil.disk_usage(folder).free


class SoundLog:
    """Keeps what is heard of one session.

    `write` and `write_silence` only take; what was taken reaches the disk by `sync_if_due`.

    Thread: one at a time.

    Args:
        folder: Where its journal lies.
        session: Its name.
        disk: The system calls; None for the real ones.
    """

    def __init__(self, folder: Path, session: str, disk: Room | None = None) -> None:
        self._folder, self._session, self._disk = folder, session, disk or Room()
        self._heard = 0  # samples of the session so far
        self._waiting: list[tuple[int, Samples]] = []  # with the index of the first
        self._file: _File | None = None
        self._due = float("-inf")
        self._told = False

    def write(self, heard: "Samples") -> None:
        """Take what follows, float32 [n], 16 kHz."""
        if len(heard):
            self._waiting.append((self._heard, heard))
            self._heard += len(heard)

    def write_silence(self, count: int) -> None:
        """Let samples pass that nobody heard."""
        self._heard += count

    def sync_if_due(self, now: float) -> None:
        """Write what waits, if the last time is a second ago.

        Args:
            now: Monotonic seconds.

        Raises:
            TranscriptError: It cannot be written, and is lost; told once, until all was well between.
        """
        if now < self._due:
            return
        self._due = now + EVERY_S
        try:
            self._drain()
        except OSError as error:
            self._due = now + RETRY_S
            self._lose(error)
        else:
            self._told = False

    def close(self) -> None:
        """Write the rest; closing twice is harmless.

        Raises:
            TranscriptError: It cannot be written, and is lost.
        """
        if self._told:  # there is no room
            self._waiting.clear()
        try:
            self._drain()
            self._end_file()
        except OSError as error:
            self._lose(error)

    def _drain(self) -> None:
        if self._waiting and self._disk.free(self._folder) < SPARE:
            raise OSError(errno.ENOSPC, "it is nearly full")
        for start, heard in self._waiting:
            if self._file is None or self._file.stop != start:
                self._end_file()
                self._file = _File(self._disk, self._folder / f"{self._session}.{start}{SUFFIX}", start)
            self._file.append(heard)
        self._waiting.clear()

    def _end_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.finish()

    def _lose(self, error: OSError) -> None:
        """Give up what waits, and say so unless it was said."""
        self._waiting.clear()
        if self._file is not None:
            self._file.close()
            self._file = None
        if not self._told:
            self._told = True
            raise _lost(self._folder, error) from error


class _File:
    """One file that is appended to; `stop` is one past its last sample."""

    def __init__(self, disk: Room, path: Path, start: int) -> None:
        from engine.audio.flac import FlacEncoder  # noqa: PLC0415  # see TYPE_CHECKING

        self._encoder = FlacEncoder()
        self._disk, self._fd = disk, disk.create(path)
        self.stop = start
        try:
            self._put(self._encoder.header)
        except OSError:
            self.close()
            path.unlink(missing_ok=True)  # every try while the disk is full would leave a file
            raise

    def append(self, heard: "Samples") -> None:
        self._put(self._encoder.encode(heard))
        self.stop += len(heard)

    def finish(self) -> None:
        try:
            self._put(self._encoder.finish())
        finally:
            self.close()

    def close(self) -> None:
        self._disk.close(self._fd)

    def _put(self, data: bytes) -> None:
        while data:
            data = data[self._disk.write(self._fd, data) :]


def _lost(folder: Path, error: OSError) -> TranscriptError:
    if error.errno in FULL:
        return DiskFull(
            f"The sound is no longer kept: the disk of {folder} is full",
            hint="Captions and transcript go on. Free some space, and the sound is kept again.",
        )
    return TranscriptError(
        f"The sound is no longer kept in {folder} ({error.strerror})",
        hint="Captions and transcript go on. Check the disk.",
    )

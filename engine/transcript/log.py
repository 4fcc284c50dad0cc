"""Lines that reach the disk: the durable half of the journal, which knows nothing of what the lines say.

A line is written by one `write` to a descriptor that appends, and put on the device by `sync_if_due`.
Three things can go wrong, and none of them stops the caller:

    the disk is full          the line waits in memory; a half written line is completed first of all
    a write or a sync fails   the file is not believed again: a new part of the session begins, with every
                              line since the last good sync (a line may stand in two parts, never in none)
    no new part can be made   everything waits in memory; another try after 1, 2, 4 … 60 s

Each is told once, by an exception raised after the line was kept; it is told again only after all was well between.
"""

from collections import deque
from pathlib import Path

from engine.errors import DiskFull, TranscriptError
from engine.transcript.disk import FULL, Disk, lock

SYNC_EVERY_S = 0.5  # a caller that looks twice a second then has every line on the device within the promised second
FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0
SUFFIX = ".jsonl"


class LineLog:
    """One session's lines, in one file or, after a fault of the disk, in several.

    Thread: one at a time.

    Args:
        folder: Where the parts lie.
        stem: Name of the session; while another has it, this one is called `stem-2`, `stem-3` …
        header: The first line of every part.
        disk: The system calls.
    """

    def __init__(self, folder: Path, stem: str, header: bytes, disk: Disk) -> None:
        self._folder = folder
        self._stem = stem
        self._copy = 1
        self._part = 0
        self._header = header
        self._disk = disk
        self._fd = -1
        self._usable = False
        self._waiting: deque[bytes] = deque()
        self._taken = 0  # bytes of the first waiting line that are in the file already
        self._unsynced: list[bytes] = []
        self._synced_at = float("-inf")
        self._retry_at: float | None = None
        self._retry_s = FIRST_RETRY_S
        self._told = False

    @property
    def stem(self) -> str:
        """Name of the session; settled once its first file exists."""
        return self._stem if self._copy == 1 else f"{self._stem}-{self._copy}"

    @property
    def path(self) -> Path:
        """The part that is written."""
        part = f".{self._part}" if self._part else ""
        return self._folder / f"{self.stem}{part}{SUFFIX}"

    @property
    def pending(self) -> int:
        """How many lines wait in memory because the disk does not take them."""
        return len(self._waiting)

    def begin(self) -> None:
        """Make the folder and the first part; a full disk only delays it.

        Raises:
            TranscriptError: Nothing can be written there.
        """
        try:
            self._disk.make_folder(self._folder)
            self._open_part()
            self._drain()
        except DiskFull:
            return
        except OSError as error:
            self._usable = False
            if error.errno not in FULL:
                self._disk.close(self._fd)
                raise _unwritable(self._folder, error) from error

    def resume(self, part: int) -> None:
        """Go on in a part that exists, after closing a torn tail with a line feed.

        Raises:
            TranscriptError: It is in use, or cannot be written.
        """
        self._part = part
        try:
            self._fd = self._disk.append(self.path)
            torn = not self.path.read_bytes().endswith(b"\n")
        except OSError as error:
            raise _unwritable(self.path, error) from error
        if not lock(self._fd):
            self._disk.close(self._fd)
            raise TranscriptError(f"{self.path.name} is in use", hint="Stop its session first.")
        self._usable = True
        if torn:
            self.append(b"\n")

    def append(self, line: bytes) -> None:
        """Write a line, or keep it in memory until it can be written.

        Raises:
            DiskFull: The disk is full; told once.
            TranscriptError: The disk failed; told once.
        """
        self._waiting.append(line)
        if self._usable:
            self._put(sync=False)

    def sync_if_due(self, now: float) -> None:
        """Put what was written on the device if the last time is half a second ago, and retry what waits.

        Args:
            now: Monotonic seconds.

        Raises:
            DiskFull: The disk is full; told once.
            TranscriptError: The disk failed; told once.
        """
        if not self._usable:
            self._retry_at = now + self._retry_s if self._retry_at is None else self._retry_at
            if now >= self._retry_at:
                self._retry()
        elif now - self._synced_at >= SYNC_EVERY_S:
            self._synced_at = now
            self._put(sync=True)

    def close(self) -> None:
        """Put everything on the device and let go of the file.

        Raises:
            DiskFull: Lines still wait; the log stays open, and closing can be tried again.
        """
        self._told = True  # what matters now is only whether all lines are safe
        if self._usable:
            self._put(sync=True)
        else:
            self._retry()
        if self._waiting:
            raise _full(self.path, self.pending)
        self._disk.close(self._fd)

    def _put(self, *, sync: bool) -> None:
        try:
            self._drain()
            if sync:
                self._sync()
        except DiskFull as error:
            self._tell(error)
        except OSError as error:
            failed = self.path
            self._move()
            self._tell(_failed(failed, error))
        else:
            self._told = False

    def _retry(self) -> None:
        self._move()
        if self._waiting:
            self._tell(_full(self.path, self.pending))
        else:
            self._told = False

    def _drain(self) -> None:
        while self._waiting:
            line = self._waiting[0]
            try:
                while self._taken < len(line):
                    self._taken += self._disk.write(self._fd, line[self._taken :])
            except OSError as error:
                if error.errno in FULL:
                    raise _full(self.path, self.pending) from error
                raise
            self._taken = 0
            self._unsynced.append(self._waiting.popleft())

    def _sync(self) -> None:
        if self._unsynced:
            self._disk.sync(self._fd)
            self._unsynced.clear()

    def _move(self) -> None:
        """Go on in a new part if one can be made and written."""
        try:
            self._open_part()
            self._drain()
            self._sync()
        except DiskFull:
            self._retry_s = FIRST_RETRY_S
        except OSError:
            self._usable = False
            self._retry_at, self._retry_s = None, min(2 * self._retry_s, LONGEST_RETRY_S)
        else:
            self._retry_s = FIRST_RETRY_S

    def _open_part(self) -> None:
        """Open a new part; the old one is held until then, for its lock says that the session lives."""
        lines = [line for line in (*self._unsynced, *self._waiting) if line is not self._header]
        self._waiting = deque([self._header, *lines])
        self._unsynced.clear()
        self._taken = 0
        old, self._fd = self._fd, self._create()
        self._disk.close(old)
        lock(self._fd, wait=True)
        self._disk.sync_folder(self._folder)
        self._usable = True

    def _create(self) -> int:
        while True:
            try:
                return self._disk.create(self.path)
            except FileExistsError:
                if self._part or self._fd >= 0:
                    self._part += 1
                else:
                    self._copy += 1

    def _tell(self, error: TranscriptError) -> None:
        if not self._told:
            self._told = True
            raise error


def _full(path: Path, lines: int) -> DiskFull:
    return DiskFull(
        f"{lines} lines of the transcript wait in memory because {path} cannot take them",
        hint="Free some space; captions go on, and the lines are written then.",
    )


def _failed(path: Path, error: OSError) -> TranscriptError:
    return TranscriptError(
        f"The disk failed on {path} ({error.strerror})",
        hint="The transcript goes on in a new file; check the disk.",
    )


def _unwritable(path: Path, error: OSError) -> TranscriptError:
    return TranscriptError(
        f"The transcript cannot be written to {path} ({error.strerror})",
        hint="Choose another folder, or free some space.",
    )

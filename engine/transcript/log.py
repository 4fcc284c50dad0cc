"""Lines that reach the disk: the durable half of the journal, which knows nothing of what the lines say.

A line is written by one `write` to a descriptor that appends, and put on the device by `sync_if_due`. Three things can
go wrong, and none of them stops the caller:

    the disk is full            the line waits in memory; the rest of a half written line is written before anything else
    a write or a sync fails     the file is not believed again: a new part of the session begins, with every line since
                                the last sync that succeeded (so a line can stand in two parts, never in none)
    no new part can be made     everything waits in memory; another try after 1, 2, 4 … 60 s

Each is told once, by an exception raised after the line was kept; it is told again only after all was well between.
"""

from collections import deque
from collections.abc import Callable
from pathlib import Path

from engine.errors import DiskFull, TranscriptError
from engine.transcript.disk import FULL, Disk, lock

SYNC_EVERY_S = 0.5  # a caller that looks twice a second then has every line on the device within the promised second
LONGEST_RETRY_S = 60.0
SUFFIX = ".jsonl"


class LineLog:
    """One session's lines, in one file or, after a fault of the disk, in several.

    Thread: one at a time.

    Args:
        folder: Where the parts lie.
        stem: Name of the session; another session of that name makes it `stem-2`, `stem-3` …
        first_line: Gives the first line of the part of that number.
        disk: The system calls.
    """

    def __init__(self, folder: Path, stem: str, first_line: Callable[[int], bytes], disk: Disk) -> None:
        self._folder = folder
        self._stem = stem
        self._copy = 1
        self._part = 0
        self._first_line = first_line
        self._disk = disk
        self._fd: int | None = None
        self._usable = False
        self._waiting: deque[bytes] = deque()
        self._taken = 0  # bytes of the first waiting line that are in the file already
        self._unsynced: list[bytes] = []
        self._synced_at = float("-inf")
        self._retry_at: float | None = None
        self._retry_s = 0.5
        self._told = False

    @property
    def stem(self) -> str:
        """Name of the session; settled once its first file exists."""
        return self._stem if self._copy == 1 else f"{self._stem}-{self._copy}"

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
        except OSError as error:
            if error.errno not in FULL:
                raise _unwritable(self._folder, error) from error

    def resume(self, part: int) -> None:
        """Go on in a part that exists, after closing a torn tail with a line feed.

        Raises:
            TranscriptError: It is in use, or cannot be written.
        """
        self._part = part
        try:
            self._fd = self._disk.append(self._path)
            torn = not self._path.read_bytes().endswith(b"\n")
        except OSError as error:
            raise _unwritable(self._path, error) from error
        if not lock(self._fd):
            self._disk.close(self._fd)
            raise TranscriptError(f"{self._path.name} is in use", hint="Stop its session first.")
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
            self._retry_at = self._retry_at if self._retry_at is not None else now + self._retry_s
            if now >= self._retry_at:
                self._reopen("it could not be opened")
        elif now - self._synced_at >= SYNC_EVERY_S:
            self._synced_at = now
            self._put(sync=True)

    def close(self) -> None:
        """Put everything on the device and let go of the file.

        Raises:
            TranscriptError: Lines still wait; the log stays open, so that it can be closed later.
        """
        if self._usable:
            self._put(sync=True)
        else:
            self._reopen("it could not be opened")
        if self._waiting:
            raise _full(self._path, self.pending)
        if self._fd is not None:
            self._disk.close(self._fd)
            self._fd = None

    @property
    def _path(self) -> Path:
        part = f".{self._part}" if self._part else ""
        return self._folder / f"{self.stem}{part}{SUFFIX}"

    def _put(self, *, sync: bool) -> None:
        try:
            self._drain()
            if sync:
                self._sync()
        except DiskFull as error:
            self._tell(error)
        except OSError as error:
            self._reopen(str(error))
        else:
            self._told = False

    def _drain(self) -> None:
        assert self._fd is not None
        while self._waiting:
            line = self._waiting[0]
            try:
                while self._taken < len(line):
                    self._taken += self._disk.write(self._fd, memoryview(line)[self._taken :])
            except OSError as error:
                if error.errno in FULL:
                    raise _full(self._path, self.pending) from error
                raise
            self._taken = 0
            self._unsynced.append(self._waiting.popleft())

    def _sync(self) -> None:
        assert self._fd is not None
        if self._unsynced:
            self._disk.sync(self._fd)
            self._unsynced.clear()

    def _reopen(self, why: str) -> None:
        """Go on in a new part, once; tell what happened either way."""
        error = TranscriptError(
            f"{self._path} is not written on: {why}",
            hint="The transcript goes on in a new file; check the disk.",
        )
        self._usable = False
        self._retry_at = None
        try:
            self._open_part()
            self._drain()
            self._sync()
        except (OSError, DiskFull):
            self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)
        else:
            self._retry_s = 0.5
        self._tell(error)

    def _open_part(self) -> None:
        """Open a new part; the old one is held until then, for its lock says that the session lives."""
        old, self._fd = self._fd, self._create()
        if old is not None:
            self._disk.close(old)
        lock(self._fd, wait=True)
        self._disk.sync_folder(self._folder)
        self._waiting.extendleft(reversed(self._unsynced))
        self._waiting.appendleft(self._first_line(self._part))
        self._unsynced.clear()
        self._taken = 0
        self._usable = True

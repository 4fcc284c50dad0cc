"""The system calls of a journal, and what each system calls them.

`Disk` is the one place where a journal meets the file system: a test hands in one that fails, and
everything that differs between Linux, macOS and Windows stands here. The lock lies on the journal itself,
so that the kernel lets go of it when the process dies, however it dies.
"""

import contextlib
import errno
import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  # the same file can go on once there is space again
_APPEND = os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_LOCKED_BYTE = 1 << 40  # Windows locks bytes against readers too, so one that no journal reaches


class Disk:
    """Append-only files that only their owner can read."""

    def make_folder(self, folder: Path) -> None:
        """Create a folder with mode 0700 whatever the umask; leave one that exists as it is."""
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)

    def create(self, path: Path) -> int:
        """Create a file with mode 0600 whatever the umask, and return a descriptor that appends to it.

        Raises:
            FileExistsError: There is one.
        """
        fd = os.open(path, os.O_CREAT | os.O_EXCL | _APPEND, 0o600)
        if sys.platform != "win32":
            os.fchmod(fd, 0o600)
        return fd

    def append(self, path: Path) -> int:
        """Return a descriptor that appends to a file that exists."""
        return os.open(path, _APPEND)

    def write(self, fd: int, line: bytes) -> int:
        """Write once and return how many bytes were taken."""
        return os.write(fd, line)

    def sync(self, fd: int) -> None:
        """Return when what was written lies on the device."""
        if sys.platform == "linux":
            os.fdatasync(fd)
        elif sys.platform == "darwin":
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        else:
            os.fsync(fd)

    def sync_folder(self, folder: Path) -> None:
        """Return when the names in a folder lie on the device; Windows does so by itself."""
        if sys.platform == "win32":
            return
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno not in {
                errno.EINVAL,
                errno.ENOTSUP,
            }:  # some network file systems know no such thing
                raise
        finally:
            os.close(fd)

    def close(self, fd: int) -> None:
        """Close a descriptor, which lets go of its lock; one that is broken is let go too."""
        with contextlib.suppress(OSError):
            os.close(fd)


def lock(fd: int, *, wait: bool = False) -> bool:
    """Mark a file as in use until its descriptor is closed.

    Args:
        fd: From `Disk.create` or `Disk.append`.
        wait: Wait for whoever holds it: for a file just made, which at most a listing looks at for a moment.

    Returns:
        False when somebody else has marked it.
    """
    try:
        if sys.platform == "win32":
            os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        # A file system that knows no locks refuses with another code: the journal goes on without one.
        return error.errno not in {errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}
    return True


def is_locked(path: Path) -> bool:
    """Return whether a journal is being written, by any process."""
    try:
        fd = os.open(path, _APPEND)
    except OSError:
        return False
    try:
        return not lock(fd)
    finally:
        os.close(fd)

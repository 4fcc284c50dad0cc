"""What appears on disk whole or not at all, and who may write it."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def private_folder(path: Path) -> Path:
    """Create a folder, and those above it, that only its owner may enter; return it.

    Raises:
        OSError: It cannot be created.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file atomically: whatever happens, the old or the new content is there.

    Raises:
        OSError: It cannot be written; the old file stands.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder last over a power cut; systems that cannot sync a folder need not."""
    if sys.platform != "win32":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def new_folder(parent: Path, name: str) -> Iterator[Path]:
    """Give an empty folder beside its future place, and remove it unless it was moved away by then."""
    path = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=private_folder(parent)))  # 0700
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def put_folder(fresh: Path, target: Path) -> None:
    """Move a finished folder of `new_folder`'s to its place; what stands there is deleted.

    Its files are on the disk before its name is.

    Raises:
        OSError: It cannot be moved; then what stood there stands.
    """
    for path in (*fresh.rglob("*"), fresh):
        _sync(path)
    with new_folder(target.parent, target.name) as aside:
        if target.exists():
            target.rename(aside / target.name)
        try:
            fresh.rename(target)
        except OSError:
            if (aside / target.name).exists():
                (aside / target.name).rename(target)
            raise
    sync_folder(target.parent)


def _sync(path: Path) -> None:
    if path.is_dir():
        sync_folder(path)
    else:
        with path.open("rb+") as file:
            os.fsync(file.fileno())


@contextmanager
def exclusive(path: Path) -> Iterator[bool]:
    """Hold a lock file for the length of a block; yield whether it was free. A killed process frees it."""
    with path.open("ab") as file:
        try:
            if sys.platform == "win32":
                import msvcrt  # noqa: PLC0415

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl  # noqa: PLC0415

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = True
        except OSError:
            free = False
        yield free  # the file stays: removing it would let two hold a lock of the same name

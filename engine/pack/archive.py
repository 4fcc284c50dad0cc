"""A GPU pack as it is handed out: a zip archive that may be damaged, or made to harm.

Nothing is written before the whole list of what is in it equals the manifest, and no file is kept whose bytes are not
the manifest's.
"""

import hashlib
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from engine.errors import PackRefused
from engine.pack.manifest import AGAIN, NAME, File, Manifest

BLOCK = 1 << 20
_LARGEST_MANIFEST = 1 << 25  # of 8,000 files it takes 1.4 MB
_ENCRYPTED = 0x1  # a bit of the flags, by PKWARE's APPNOTE

# What zipfile and zlib trip over in a file that is none, or no longer; there is no list of it.
_TROUBLE = (BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError, LookupError,
            OverflowError, MemoryError, struct.error)  # fmt: skip

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, the bytes done so far and the bytes in all."""


class Archive:
    """An archive that is open; a context manager.

    Args:
        path: Of the file.

    Attributes:
        manifest: What it says of itself; the archive holds these files, in these sizes, and no more.

    Raises:
        PackRefused: It is no pack, or holds what no pack holds.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._reading():
            self._zip = ZipFile(path)
        try:
            self.manifest = self._manifest()
            self._entries = {entry.filename: entry for entry in self._zip.infolist()}
            self._check()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._zip.close()

    def unpack(self, folder: Path, progress: Progress) -> None:
        """Write everything into an empty folder, for its owner only.

        Raises:
            PackRefused: A file is not what the manifest says.
            OSError: The folder cannot be written.
        """
        done = 0
        for file in self.manifest.files:
            target = folder / file.name
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._write(file, target)
            done += file.bytes
            progress("unpacking", done, self.manifest.total)
        (folder / NAME).write_bytes(self.manifest.written())

    def _write(self, file: File, target: Path) -> None:
        digest = hashlib.sha256()
        with target.open("xb") as out:
            for block in self._blocks(self._entries[file.name]):
                digest.update(block)
                out.write(block)
        if digest.hexdigest() != file.sha256:
            raise self._refused(f"{file.name} is not what its manifest says")
        target.chmod(0o700 if file.runs else 0o600)

    def _blocks(self, entry: ZipInfo) -> Iterator[bytes]:
        """Yield the bytes of a file, no more of them than the archive says."""
        with self._reading(), self._zip.open(entry) as packed:
            while True:
                with self._reading():
                    block = packed.read(BLOCK)
                if not block:
                    return
                yield block

    def _manifest(self) -> Manifest:
        with self._reading():
            entry = self._zip.getinfo(NAME)
            if entry.file_size > _LARGEST_MANIFEST:
                raise ValueError(NAME)
            data = self._zip.read(entry)
        return Manifest.read(data)

    def _check(self) -> None:
        """Compare what is in it with what the manifest names."""
        sizes = {file.name: file.bytes for file in self.manifest.files}
        if len(self._entries) != len(self._zip.infolist()):
            raise self._refused("it holds two files of one name")
        if more := self._entries.keys() - sizes.keys() - {NAME}:
            raise self._refused(f"it holds {min(more)!r:.80}, which its manifest does not name")
        if missing := sizes.keys() - self._entries.keys():
            raise self._refused(f"it lacks {min(missing)}")
        for name, entry in self._entries.items():
            if not _is_plain(entry):
                raise self._refused(f"{name} in it is no ordinary file")
            if entry.file_size != sizes.get(name, entry.file_size):
                raise self._refused(f"{name} in it has another size than its manifest says")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except _TROUBLE as error:
            raise self._refused("it is damaged, or no GPU pack") from error

    def _refused(self, reason: str) -> PackRefused:
        return PackRefused(f"{self._path.name} cannot be used: {reason}", hint=AGAIN)


def _is_plain(entry: ZipInfo) -> bool:
    """Whether an entry is a file that is simply there: no link, device or folder, and packed in a way that is known."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    known = entry.compress_type in {ZIP_STORED, ZIP_DEFLATED} and not entry.flag_bits & _ENCRYPTED
    return known and not entry.is_dir() and kind in {0, stat.S_IFREG}

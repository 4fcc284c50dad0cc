"""CTranslate2's `model.bin`: its index, and how an entry of it is written.

The file is a version, the name and revision of its specification, then the variables (name, shape, type,
bytes), then aliases. All integers are little-endian; a string is its length with the closing zero, its bytes,
the zero.
"""

import io
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np

VERSION = 6  # what CTranslate2 has written as long as it has known Whisper
# By type id. The next is bfloat16, which numpy does not know.
DTYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
_ITEM_BYTES = (4, 1, 2, 4, 2, 2)
_EMBEDDINGS = "decoder/embeddings/weight"
_LIMIT = 1 << 16  # more variables than any Whisper has: the count is damaged


@dataclass(frozen=True, slots=True)
class Variable:
    """One entry of the index: what it is, and where its bytes begin."""

    name: str
    shape: tuple[int, ...]
    type_id: int
    offset: int

    @property
    def bytes(self) -> int:
        """Length of its content."""
        return prod(self.shape) * _ITEM_BYTES[self.type_id]


@dataclass(frozen=True, slots=True)
class Index:
    """What a `model.bin` contains, without the contents."""

    revision: int
    variables: tuple[Variable, ...]
    aliases: tuple[tuple[str, str], ...]

    @property
    def vocabulary(self) -> int:
        """Number of tokens the model knows: below 51,865 it writes English only."""
        for variable in self.variables:
            if variable.name == _EMBEDDINGS and variable.shape:
                return variable.shape[0]
        raise ValueError("it has no embeddings")


def read_index(file: BinaryIO) -> Index:
    """Read the index of a model and check that the file ends where the index says.

    Raises:
        ValueError: It is something else, or cut, or longer than it should be.
    """
    try:
        version, spec = _integer(file, "I"), _string(file)
        if (version, spec) != (VERSION, "WhisperSpec"):
            raise ValueError(f"it is a {spec!r} in version {version}, not a WhisperSpec in {VERSION}")
        revision = _integer(file, "I")
        variables = tuple(_variable(file) for _ in range(_count(file)))
        aliases = tuple((_string(file), _string(file)) for _ in range(_count(file)))
    except EOFError as error:
        raise ValueError("it ends too early") from error
    if file.read(1):
        raise ValueError("there is more after its end")
    return Index(revision, variables, aliases)


def joined(parts: Sequence[Path]) -> BinaryIO:
    """Open several files as one, in their order; seekable."""
    return io.BufferedReader(_Joined(parts), 1 << 20)


class _Joined(io.RawIOBase):
    def __init__(self, parts: Sequence[Path]) -> None:
        self._files = [part.open("rb", buffering=0) for part in parts]
        ends = np.cumsum([os.fstat(file.fileno()).st_size for file in self._files])
        self._starts = [0, *(int(end) for end in ends)]
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._starts[-1]}[whence]
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        for file, start, stop in zip(self._files, self._starts, self._starts[1:], strict=False):
            if start <= self._position < stop:
                file.seek(self._position - start)
                count = file.readinto(buffer) or 0
                self._position += count
                return count
        return 0

    def close(self) -> None:
        for file in self._files:
            file.close()
        super().close()


def beginning(revision: int, count: int) -> bytes:
    """Return what stands before the entries of a model of so many."""
    return struct.pack("<I", VERSION) + packed("WhisperSpec") + struct.pack("<II", revision, count)


def ending(aliases: Sequence[tuple[str, str]]) -> bytes:
    """Return what stands behind them."""
    return struct.pack("<I", len(aliases)) + b"".join(packed(alias) + packed(name) for alias, name in aliases)


def header(name: str, shape: tuple[int, ...], type_id: int, length: int) -> bytes:
    """Return what stands before the bytes of an entry."""
    return packed(name) + struct.pack(f"<B{len(shape)}IBI", len(shape), *shape, type_id, length)


def packed(text: str) -> bytes:
    """Return a string as the file holds it."""
    raw = text.encode() + b"\0"
    return struct.pack("<H", len(raw)) + raw


def _variable(file: BinaryIO) -> Variable:
    name = _string(file)
    shape = tuple(_integer(file, "I") for _ in range(_integer(file, "B")))
    type_id, length = _integer(file, "B"), _integer(file, "I")
    variable = Variable(name, shape, type_id, file.tell())
    if type_id >= len(_ITEM_BYTES) or variable.bytes != length:
        raise ValueError(f"its variable {name!r} is damaged")
    file.seek(max(length - 1, 0), os.SEEK_CUR)
    exactly(file, min(length, 1))  # reading the last byte proves that the others are there
    return variable


def _count(file: BinaryIO) -> int:
    count = _integer(file, "I")
    if count > _LIMIT:
        raise ValueError("its index is damaged")
    return count


def _integer(file: BinaryIO, code: str) -> int:
    value: int = struct.unpack(f"<{code}", exactly(file, struct.calcsize(f"<{code}")))[0]
    return value


def _string(file: BinaryIO) -> str:
    return exactly(file, _integer(file, "H")).removesuffix(b"\0").decode()


def exactly(file: BinaryIO, length: int) -> bytes:
    """Read so many bytes.

    Raises:
        EOFError: The file ends before.
    """
    content = file.read(length)
    if len(content) != length:
        raise EOFError
    return content

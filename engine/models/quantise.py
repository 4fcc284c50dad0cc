"""CTranslate2's `model.bin`: read its index, and write a float model as int8, without CTranslate2.

The file is a version, the name and revision of its specification, then the variables (name, shape, type,
bytes), then aliases. All integers are little-endian; a string is its length with the closing zero, its bytes,
the zero.

int8 is one scale a row, 127 / max |row|, and the nearest integer, as CTranslate2 quantises when it loads a
float model with `compute_type="int8"`: the matrices of linear layers and the embeddings; convolutions,
positions, norms and biases stay as they are. A model written here computes exactly what the published one
does, from half the bytes.
"""

import io
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_VERSION = 6  # what CTranslate2 has written as long as it has known Whisper
_TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)  # by type id; bfloat16 would be the next
_ITEM_BYTES = (4, 1, 2, 4, 2, 2)
_INT8, _FLOATS = 1, (0, 4)
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
        if (version, spec) != (_VERSION, "WhisperSpec"):
            raise ValueError(f"it is a {spec!r} in version {version}, not a WhisperSpec in {_VERSION}")
        revision = _integer(file, "I")
        variables = tuple(_variable(file) for _ in range(_count(file)))
        aliases = tuple((_string(file), _string(file)) for _ in range(_count(file)))
    except EOFError as error:
        raise ValueError("it ends too early") from error
    if file.read(1):
        raise ValueError("there is more after its end")
    return Index(revision, variables, aliases)


def quantise(source: BinaryIO, target: BinaryIO) -> None:
    """Write a float model as int8; what already is int8 is copied.

    Args:
        source: The published `model.bin`, seekable.
        target: Empty; nothing is flushed to the disk here.

    Raises:
        ValueError: The source is not what it should be.
        OSError: Reading or writing failed.
    """
    index = read_index(source)
    scales = sum(_quantisable(variable) for variable in index.variables)
    target.write(struct.pack("<I", _VERSION) + _packed("WhisperSpec"))
    target.write(struct.pack("<II", index.revision, len(index.variables) + scales))
    for variable in index.variables:
        target.writelines(_rewritten(source, variable))
    target.write(struct.pack("<I", len(index.aliases)))
    target.writelines(_packed(alias) + _packed(name) for alias, name in index.aliases)


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


def _quantisable(variable: Variable) -> bool:
    matrix = len(variable.shape) == 2 and variable.name.endswith("/weight")
    return matrix and variable.type_id in _FLOATS and "/conv" not in variable.name


def _rewritten(source: BinaryIO, variable: Variable) -> Iterator[bytes]:
    source.seek(variable.offset)
    content = _exactly(source, variable.bytes)
    if not _quantisable(variable):
        yield _header(variable.name, variable.shape, variable.type_id, len(content))
        yield content
        return
    rows = np.frombuffer(content, _TYPES[variable.type_id]).reshape(variable.shape)
    integers, scales = _int8(rows.astype(np.float32))
    yield _header(variable.name, variable.shape, _INT8, integers.nbytes)
    yield integers.tobytes()
    yield _header(f"{variable.name}_scale", scales.shape, _FLOATS[0], scales.nbytes)
    yield scales.tobytes()


def _int8(rows: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return the rows as int8 and the scale of each; `rows` is used up."""
    largest = np.maximum(rows.max(axis=1), -rows.min(axis=1))
    largest[largest == 0] = 127
    scales = np.float32(127) / largest
    rows *= scales[:, None]
    return np.rint(rows, out=rows).astype(np.int8), scales


def _header(name: str, shape: tuple[int, ...], type_id: int, length: int) -> bytes:
    return _packed(name) + struct.pack(f"<B{len(shape)}IBI", len(shape), *shape, type_id, length)


def _packed(text: str) -> bytes:
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
    _exactly(file, min(length, 1))  # reading the last byte proves that the others are there
    return variable


def _count(file: BinaryIO) -> int:
    count = _integer(file, "I")
    if count > _LIMIT:
        raise ValueError("its index is damaged")
    return count


def _integer(file: BinaryIO, code: str) -> int:
    value: int = struct.unpack(f"<{code}", _exactly(file, struct.calcsize(f"<{code}")))[0]
    return value


def _string(file: BinaryIO) -> str:
    return _exactly(file, _integer(file, "H")).removesuffix(b"\0").decode()


def _exactly(file: BinaryIO, length: int) -> bytes:
    content = file.read(length)
    if len(content) != length:
        raise EOFError
    return content

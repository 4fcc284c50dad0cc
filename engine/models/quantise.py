"""Write a float model of CTranslate2's as int8, without CTranslate2.

int8 is one scale a row, 127 / max |row|, and the nearest integer, as CTranslate2 quantises when it loads a
float model with `compute_type="int8"`: the matrices of linear layers and the embeddings; convolutions,
positions, norms and biases stay as they are. A model written here computes exactly what the published one
does, from half the bytes.
"""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from engine.whisper.model_bin import DTYPES, Variable, beginning, ending, exactly, header, read_index

_INT8, _FLOATS = 1, (0, 4)


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
    target.write(beginning(index.revision, len(index.variables) + scales))
    for variable in index.variables:
        target.writelines(_rewritten(source, variable))
    target.write(ending(index.aliases))


def _quantisable(variable: Variable) -> bool:
    matrix = len(variable.shape) == 2 and variable.name.endswith("/weight")
    return matrix and variable.type_id in _FLOATS and "/conv" not in variable.name


def _rewritten(source: BinaryIO, variable: Variable) -> Iterator[bytes]:
    source.seek(variable.offset)
    content = exactly(source, variable.bytes)
    if not _quantisable(variable):
        yield header(variable.name, variable.shape, variable.type_id, len(content))
        yield content
        return
    rows = np.frombuffer(content, DTYPES[variable.type_id]).reshape(variable.shape)
    integers, scales = _int8(rows.astype(np.float32))
    yield header(variable.name, variable.shape, _INT8, integers.nbytes)
    yield integers.tobytes()
    yield header(f"{variable.name}_scale", scales.shape, _FLOATS[0], scales.nbytes)
    yield scales.tobytes()


def _int8(rows: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return the rows as int8 and the scale of each; `rows` is used up."""
    largest = np.maximum(rows.max(axis=1), -rows.min(axis=1))
    largest[largest == 0] = 127
    scales = np.float32(127) / largest
    rows *= scales[:, None]
    return np.rint(rows, out=rows).astype(np.int8), scales

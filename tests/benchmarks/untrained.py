"""Whisper models of the published shapes with random weights: what a model costs does not hang on what it learned."""

import json
import re
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.whisper.model_bin import Variable, header, packed, read_index

_WIDTH = 512  # of Whisper base, from which everything else is taken
_INT8 = 1
_DTYPES = {0: np.float32, 4: np.float16}


@dataclass(frozen=True)
class Shape:
    """What differs between the multilingual models (Radford et al. 2022, table 1)."""

    layers: int
    width: int
    heads: int


SHAPES = {"small": Shape(12, 768, 12), "medium": Shape(24, 1024, 16)}


def write(folder: Path, shape: Shape, base: Path) -> None:
    """Write a model of int8 weights into a new folder.

    Args:
        folder: Must not exist.
        shape: Of the model.
        base: Folder of Whisper base, int8.
    """
    shutil.copytree(base, folder)
    config = json.loads((base / "config.json").read_text())
    config["alignment_heads"] = [[layer, 0] for layer in range(shape.layers // 2, shape.layers)]
    (folder / "config.json").write_text(json.dumps(config))
    with (base / "model.bin").open("rb") as source, (folder / "model.bin").open("wb") as target:
        index = read_index(source)
        variables = list(_grown(index.variables, shape))
        target.write(struct.pack("<I", 6) + packed("WhisperSpec"))
        target.write(struct.pack("<II", index.revision, len(variables)))
        random = np.random.default_rng(0)
        for variable in variables:
            source.seek(variable.offset)
            content = _content(variable, shape, random) or source.read(variable.bytes)
            target.write(header(variable.name, variable.shape, variable.type_id, len(content)) + content)
        target.write(struct.pack("<I", len(index.aliases)))
        target.writelines(packed(alias) + packed(name) for alias, name in index.aliases)


def _grown(variables: tuple[Variable, ...], shape: Shape) -> Iterator[Variable]:
    """Yield the variables of base as another shape has them: wider, and more layers."""
    for variable in variables:
        wide = tuple(size // _WIDTH * shape.width if size % _WIDTH == 0 else size for size in variable.shape)
        if "/layer_0/" in variable.name:
            for layer in range(shape.layers):
                name = variable.name.replace("/layer_0/", f"/layer_{layer}/")
                yield Variable(name, wide, variable.type_id, variable.offset)
        elif not re.search(r"/layer_\d", variable.name):
            yield Variable(variable.name, wide, variable.type_id, variable.offset)


def _content(variable: Variable, shape: Shape, random: np.random.Generator) -> bytes:
    """Return random weights, neutral norms and biases, the number of heads; of anything else b""."""
    if variable.name.endswith("/num_heads"):
        return struct.pack("<h", shape.heads)
    if not variable.shape:
        return b""
    if variable.type_id == _INT8:
        return random.integers(-127, 128, variable.shape, np.int8).tobytes()
    dtype = _DTYPES[variable.type_id]
    if variable.name.endswith("_scale"):  # the weights are the integers over it
        return np.full(variable.shape, 73 * shape.width**0.5, dtype).tobytes()
    if variable.name.endswith("/gamma"):
        return np.ones(variable.shape, dtype).tobytes()
    if variable.name.endswith(("/beta", "/bias")):
        return np.zeros(variable.shape, dtype).tobytes()
    return (random.standard_normal(variable.shape, np.float32) / variable.shape[-1] ** 0.5).astype(dtype).tobytes()

"""Whisper models of the published shapes with random weights: what a layer costs does not hang on what it learned.

What a search costs hangs on how much is written, and random weights loop. So a model may be made to recite: the place
of a token alone decides what comes next, a text that everybody writes in every window, and then the end. The places'
encodings are the embeddings of that text, so large that what the random layers add to them does not matter. And one
head of the first layer attends to the time at which a token would be said, from the first to the last of 30 s: without
word times that make sense, ours would hear again what nobody seems to have written down.
"""

import json
import re
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.whisper.model_bin import DTYPES, Variable, header, packed, read_index
from engine.whisper.tokenizer import Tokenizer

_WIDTH = 512  # of Whisper base, from which everything else is taken
_INT8 = 1
_DTYPES = {0: np.float32, 4: np.float16}
_EMBEDDINGS = "decoder/embeddings/weight"
_PLACES = "decoder/position_encodings/encodings"
_POSITIONS = "encoder/position_encodings/encodings"
_POINTING = re.compile(r"decoder/layer_0/attention/linear_[01]/weight")  # queries; keys and values
_HEAD = 64  # columns of a head: the first of a row say when, all of them what
_POSITIONS_SHOWN = 1500
_NEAR = 10.0  # encoder positions, 0.2 s, within which two times are alike
_OPENING = 4  # tokens: start, language, task, no times; with times the first of them takes the last one's place
_LOUD = 4000.0  # length of a place's encoding; 36 random layers add about 170 to it

RECITED = 72  # tokens: 27 s, the middle of our windows, of read speech at 2.0 words and 2.7 tokens a second
TEXT = (  # Abraham Lincoln at Gettysburg; no word has more than three tokens, which is 1.3 s here
    " Four score and seven years ago our fathers brought forth on this continent a new nation, conceived in liberty,"
    " and dedicated to the proposition that all men are created equal. Now we are engaged in a great civil war, testing"
    " whether that nation, or any nation so conceived and so dedicated, can long endure. We are met on a great"
    " battlefield of that war. We have come to dedicate a portion of that field."
)


@dataclass(frozen=True)
class Shape:
    """What differs between the multilingual models (Radford et al. 2022, table 1)."""

    layers: int
    width: int
    heads: int


SHAPES = {"small": Shape(12, 768, 12), "medium": Shape(24, 1024, 16)}


def write(folder: Path, shape: Shape, base: Path, recited: int = 0) -> None:
    """Write a model of int8 weights into a new folder.

    Args:
        folder: Must not exist.
        shape: Of the model.
        base: Folder of Whisper base, int8.
        recited: So many tokens of `TEXT` are written in every window without a prompt; 0 leaves that to chance.
    """
    shutil.copytree(base, folder)
    config = json.loads((base / "config.json").read_text())
    config["alignment_heads"] = (
        [[0, 0]] if recited else [[layer, 0] for layer in range(shape.layers // 2, shape.layers)]
    )
    (folder / "config.json").write_text(json.dumps(config))
    with (base / "model.bin").open("rb") as source, (folder / "model.bin").open("wb") as target:
        index = read_index(source)
        variables = list(_grown(index.variables, shape))
        target.write(struct.pack("<I", 6) + packed("WhisperSpec"))
        target.write(struct.pack("<II", index.revision, len(variables)))
        random = np.random.default_rng(0)
        tokenizer = Tokenizer(base)
        embeddings = b""  # they stand before the places
        for variable in variables:
            source.seek(variable.offset)
            content = _content(variable, shape, random) or source.read(variable.bytes)
            embeddings = content if variable.name == _EMBEDDINGS else embeddings
            if recited:
                content = _reciting(variable, content, embeddings, tokenizer, recited)
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


def _reciting(variable: Variable, content: bytes, embeddings: bytes, tokenizer: Tokenizer, length: int) -> bytes:
    """Return what a variable holds in a model that recites."""
    values = np.frombuffer(content, DTYPES[variable.type_id]).reshape(variable.shape).copy()
    if variable.name == _PLACES:
        values = _places(values, np.frombuffer(embeddings, np.int8), tokenizer, length).astype(values.dtype)
    elif variable.name == _POSITIONS:
        values[:] = 0
        values[:, :_HEAD] = _LOUD * _times(np.arange(len(values)))
    elif _POINTING.fullmatch(variable.name):  # it takes the time out of a row, as it stands there
        values[:_HEAD] = 127 * np.eye(_HEAD, values.shape[1], dtype=np.int8)
    elif _POINTING.match(variable.name):
        values[:_HEAD] = 127
    else:
        return content
    return values.tobytes()


def _places(values: np.ndarray, embeddings: np.ndarray, tokenizer: Tokenizer, length: int) -> np.ndarray:
    """Return encodings after which the next token of the text is the most probable one, and then the end."""
    places, width = values.shape
    text = tokenizer.encode(TEXT)[:length]
    before = [tokenizer.start] * (_OPENING - 1)
    tokens = [*before, *text, *[tokenizer.end] * (places - len(before) - len(text))]
    rows = embeddings.reshape(-1, width)[tokens].astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    said = np.clip(np.arange(places) - len(before), 0, len(text)) * (_POSITIONS_SHOWN - 1) / len(text)
    rows[:, :_HEAD] += _times(said) / 2
    return _LOUD * rows


def _times(positions: np.ndarray) -> np.ndarray:
    """Return a row for each time, of length one, in which near times are alike (Rahimi and Recht 2007)."""
    random = np.random.default_rng(1)
    angles = positions[:, None] * random.normal(0, 1 / _NEAR, _HEAD) + random.uniform(0, 2 * np.pi, _HEAD)
    return np.cos(angles).astype(np.float32) * (2 / _HEAD) ** 0.5

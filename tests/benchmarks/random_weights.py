"""Folders of Whisper models in every published shape, float16, with random weights, for a machine that has no others.

What a model takes does not hang on what it learned, but for when a text ends: its places are made to say so. From a
given place on, the decoder's position encodings are many times the embedding of `<|endoftext|>`, so that nothing else
can be written there.
"""

import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from engine.whisper.cuda.kernels.floor import POSITIONS, Shape
from engine.whisper.cuda.model.dims import Dims, shapes
from engine.whisper.model_bin import Index, Variable, header, packed, read_index

MINIATURE = Shape(80, 51865, 128, 1, 2)
_HALF_ID = 4
_LOUD = 3000.0  # an embedding is 1 long, what all layers add to it some hundreds
_REPEATED = (1 << 22) + 1  # random numbers, again and again
_EMBEDDINGS = "decoder/embeddings/weight"
_PLACES = "decoder/position_encodings/encodings"
_LAST_LANGUAGE = "<|su|>"  # before large-v3 brought another
_NEW_LANGUAGE = "<|yue|>"


def write(folder: Path, shape: Shape, like: Path) -> Path:
    """Write a multilingual model into a new folder, and return it.

    Args:
        folder: Must not exist.
        shape: Of the model.
        like: A multilingual model in CTranslate2's format, whose tokens are taken.

    Raises:
        ValueError: Its vocabulary is another.
    """
    with (like / "model.bin").open("rb") as file:
        index = read_index(file)
        settings = dict(_settings(file, index))
    if shape.vocabulary not in {index.vocabulary, index.vocabulary + 1}:
        raise ValueError(f"{like} knows {index.vocabulary} tokens, and {shape.vocabulary} are wanted")
    folder.mkdir(parents=True)
    _write_tokens(folder, like, shape.mels, more=shape.vocabulary > index.vocabulary)
    variables = [*_settings_of(shape, settings), *_tensors(shape)]
    with (folder / "model.bin").open("wb") as target:
        target.write(struct.pack("<I", 6) + packed("WhisperSpec"))
        target.write(struct.pack("<II", index.revision, len(variables)))
        for variable, content in variables:
            target.write(header(variable.name, variable.shape, variable.type_id, len(content)))
            target.write(content)
        target.write(struct.pack("<I", len(index.aliases)))
        target.writelines(packed(alias) + packed(name) for alias, name in index.aliases)
    config = json.loads((folder / "config.json").read_text())
    layers = range(shape.decoder_layers // 2, shape.decoder_layers)
    config["alignment_heads"] = [[layer, head] for layer in layers for head in (0, shape.heads - 1)][:10]
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def end_at(folder: Path, place: int, end: int) -> None:
    """Let every text of a written model end behind a place of the decoder.

    Args:
        folder: From `write`.
        place: Of the last token before `<|endoftext|>`; what was told counts.
        end: `<|endoftext|>`.
    """
    with (folder / "model.bin").open("r+b") as file:
        by_name = {variable.name: variable for variable in read_index(file).variables}
        embeddings, places = by_name[_EMBEDDINGS], by_name[_PLACES]
        count, width = places.shape
        embedding = np.fromfile(folder / "model.bin", np.float16, width, offset=embeddings.offset + 2 * end * width)
        rows = np.array(_random((count, width)))
        rows[place:] = _LOUD * embedding
        file.seek(places.offset)
        file.write(rows.tobytes())


def _tensors(shape: Shape) -> Iterator[tuple[Variable, bytes | memoryview]]:
    layers = shape.encoder_layers, shape.decoder_layers
    dims = Dims(shape.mels, shape.vocabulary, shape.width, shape.heads, *layers, POSITIONS, shape.tokens, ())
    for name, size in shapes(dims).items():
        if name.endswith("/gamma"):
            value = np.ones(size, np.float16)
        elif name.endswith(("/beta", "/bias")):
            value = np.zeros(size, np.float16)
        else:
            value = _random(size)
        yield Variable(name, size, _HALF_ID, 0), value.tobytes()


def _random(size: tuple[int, ...]) -> NDArray[np.float16]:
    """Return random numbers; the squares of a row sum up to about 1."""
    normal = np.random.default_rng(0).standard_normal(min(_REPEATED, int(np.prod(size))), np.float32)
    fan = np.prod(size[1:])
    return np.resize((normal / fan**0.5).astype(np.float16), size)


def _settings(file: BinaryIO, index: Index) -> Iterator[tuple[str, tuple[Variable, bytes]]]:
    """Yield what of a model is no tensor: numbers and flags, by name."""
    for variable in index.variables:
        if not variable.shape and not variable.name.endswith("_scale"):
            file.seek(variable.offset)
            yield variable.name, (variable, file.read(variable.bytes))


def _settings_of(shape: Shape, settings: dict[str, tuple[Variable, bytes]]) -> Iterator[tuple[Variable, bytes]]:
    for name, (variable, content) in settings.items():
        if name.endswith("/num_heads"):
            yield variable, struct.pack("<h", shape.heads)
        else:
            yield variable, content


def _write_tokens(folder: Path, like: Path, mels: int, *, more: bool) -> None:
    """Write tokenizer, vocabulary and configuration, with one more language where `more`."""
    for name in ("tokenizer.json", "vocabulary.txt", "vocabulary.json", "config.json"):
        if (like / name).exists():
            shutil.copyfile(like / name, folder / name)
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": mels}))
    if not more:
        return
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    added = tokenizer["added_tokens"]
    at = next(n for n, token in enumerate(added) if token["content"] == _LAST_LANGUAGE)
    new = added[at]["id"] + 1
    later = [token | {"id": token["id"] + 1} for token in added[at + 1 :]]
    tokenizer["added_tokens"] = [*added[: at + 1], added[at] | {"id": new, "content": _NEW_LANGUAGE}, *later]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    words = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")
    words.insert(new, _NEW_LANGUAGE)
    (folder / "vocabulary.txt").write_text("\n".join(words), encoding="utf-8")
    config = json.loads((folder / "config.json").read_text())
    config["lang_ids"].append(new)
    config["suppress_ids"] = [token + (token >= new) for token in config["suppress_ids"]]
    (folder / "config.json").write_text(json.dumps(config))

"""A model of a few kilobytes: real in its format, nonsense in its weights, with a catalog of its own."""

import hashlib
import json
import struct

import numpy as np

from engine.models.catalog import Model
from engine.models.pins import Pin

REVISION = "0123456789abcdef0123456789abcdef01234567"
TYPES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}


def packed(text):
    raw = text.encode() + b"\0"
    return struct.pack("<H", len(raw)) + raw


def weights(variables, aliases=(("decoder/projection/weight", "decoder/embeddings/weight"),)):
    """Write variables (name → array) as CTranslate2's own `ModelSpec._serialize` does."""
    out = [struct.pack("<I", 6), packed("WhisperSpec"), struct.pack("<II", 3, len(variables))]
    for name, value in variables.items():
        shape = value.shape
        out += [packed(name), struct.pack(f"<B{len(shape)}I", len(shape), *shape)]
        out += [struct.pack("<BI", TYPES[value.dtype.name], value.nbytes), value.tobytes()]
    out.append(struct.pack("<I", len(aliases)))
    out += [packed(text) for pair in aliases for text in pair]
    return b"".join(out)


def variables(vocabulary=64):
    """Return a handful of float16 weights of every kind that quantising treats differently."""
    rng = np.random.default_rng(7)

    def random(*shape):
        return rng.standard_normal(shape).astype(np.float16)

    return {
        "decoder/embeddings/weight": random(vocabulary, 16),
        "decoder/layer_0/ffn/linear_0/weight": random(32, 16),
        "decoder/layer_0/ffn/linear_0/bias": random(32),
        "decoder/layer_norm/gamma": random(16),
        "decoder/num_heads": np.array(2, np.int16),
        "encoder/conv1/weight": random(16, 80, 3),
        "encoder/position_encodings/encodings": random(20, 16),
    }


def files():
    """Return the four files of the made-up model."""
    return {
        "config.json": json.dumps({"lang_ids": [], "suppress_ids": [1, 2]}).encode(),
        "model.bin": weights(variables()),
        "tokenizer.json": json.dumps({"model": {"vocab": {str(i): i for i in range(64)}}}).encode(),
        "vocabulary.txt": "\n".join(f"word{i}" for i in range(64)).encode(),
    }


def write(folder, contents):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def model(contents, *, lacking=(), name="made-up"):
    """Return the catalog's entry of some files; of those in `lacking` no checksum is known."""
    pins = tuple(
        Pin(file) if file in lacking else Pin(file, len(content), hashlib.sha256(content).hexdigest())
        for file, content in contents.items()
    )
    return Model(name, f"nobody/whisper-{name}", REVISION, "MIT", pins)

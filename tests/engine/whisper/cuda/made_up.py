"""A Whisper of random weights, small enough for a test of a second."""

import zlib

import torch

from engine.whisper.cuda.weights import Checkpoint, Dims

DIMS = Dims(
    mels=80,
    vocabulary=1201,
    width=128,
    heads=2,
    encoder_layers=2,
    decoder_layers=2,
    positions=1500,
    tokens=448,
    alignment_heads=((1, 0), (1, 1)),
)


def checkpoint(dims=DIMS):
    """Return one whose every tensor is random, the same each time, and of the size that training leaves."""
    return Checkpoint(dims, (), lambda name: _random(dims, name))


def _random(dims, name):
    shape = _shape(dims, name)
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    value = torch.randn(shape, generator=generator)
    if name.endswith("gamma"):
        return 1 + 0.1 * value
    if name.endswith(("bias", "beta")):
        return 0.1 * value
    return value / shape[1] ** 0.5 if name.endswith("weight") else 0.1 * value


def _shape(dims, name):
    width = dims.width
    if "conv" in name:
        wide = (width, dims.mels, 3) if "conv1" in name else (width, width, 3)
        return wide if name.endswith("weight") else wide[:1]
    if name.endswith("encodings"):
        return (dims.positions if name.startswith("encoder") else dims.tokens, width)
    if "embeddings" in name:
        return (dims.vocabulary, width)
    into, out = {
        "self_attention/linear_0": (width, 3 * width),
        "attention/linear_1": (width, 2 * width),
        "ffn/linear_0": (width, 4 * width),
        "ffn/linear_1": (4 * width, width),
    }.get("/".join(name.split("/")[2:-1]), (width, width))
    if "self_attention/linear_1" in name:
        into, out = width, width
    return (out, into) if name.endswith("weight") else (out,)

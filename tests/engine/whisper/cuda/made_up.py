"""A Whisper of random weights, small enough for a test of a second."""

import zlib

import torch

from engine.whisper.cuda.model.dims import Dims, shapes
from engine.whisper.cuda.model.weights import Checkpoint

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
    return Checkpoint(dims, (), lambda name: _random(shapes(dims)[name], name))


def _random(shape, name):
    value = torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(name.encode())))
    if name.endswith("gamma"):
        return 1 + 0.1 * value
    return value / shape[1] ** 0.5 if name.endswith("weight") else 0.1 * value

"""Small Whispers of random weights that write short texts of their own, and sounds for them: a step takes a moment."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.adapt.lora import narrow  # noqa: E402
from engine.adapt.network import trainable  # noqa: E402
from engine.adapt.records import Item  # noqa: E402
from engine.adapt.shards import ALONE  # noqa: E402
from engine.adapt.teacher import Original  # noqa: E402
from engine.adapt.training import Options, Training  # noqa: E402
from engine.units import SAMPLES_PER_POSITION  # noqa: E402
from engine.whisper.tokenizer import Tokenizer  # noqa: E402
from tests.engine.whisper.cuda.comparison import folder  # noqa: E402
from tests.engine.whisper.cuda.made_up import DIMS, checkpoint  # noqa: E402

CPU = torch.device("cpu")
POSITIONS = 100  # 2 s, for the 30 s that a Whisper is trained on
SMALL = replace(DIMS, vocabulary=51864, positions=POSITIONS)
SOON, NEVER = 17, 0  # logit of the end of text on the average; the largest of the others is about 4


@cache
def tokenizer():
    return Tokenizer(folder("float16 tiny.en"))


@cache
def original(ends=SOON):
    """Return a random model that ends its texts after a few words, or never: it would repeat itself."""
    found = checkpoint(SMALL)

    def tensor(name):
        value = found.tensor(name)
        if name == "decoder/embeddings/weight":
            steady = found.tensor("decoder/layer_norm/beta")
            value[tokenizer().end] = ends * steady / steady.square().sum()
        return value

    return replace(found, tensor=tensor)


def unlearned(ends=SOON, **options):
    """Return who teaches by it, who would doubt every word of it."""
    return Original(original(ends), tokenizer(), CPU, **{"doubtful": -math.inf, **options})


def training(*, rank=0, ends=SOON, shards=ALONE, **options):
    """Return a training of such a model, from its beginning, with or without matrices of some rank."""
    student = trainable(original(ends), CPU)
    if rank:
        narrow(student, rank)
    return Training(student, unlearned(ends), Options(**options), shards)


def item(seed, **given):
    """Return two seconds at most of noise."""
    make = np.random.default_rng(seed)
    positions = int(make.integers(20, POSITIONS + 1))
    clean = (0.1 * make.standard_normal(positions * SAMPLES_PER_POSITION)).astype(np.float32)
    heard = (clean + 0.03 * make.standard_normal(len(clean))).astype(np.float32)
    return Item(clean, heard, positions, np.zeros(0, np.float32), **given)


def items(step, count=4):
    """Return what a step learns from: one in which nobody speaks, one with times."""
    return [item((step, index), spoken=index != 1, timed=index == 2) for index in range(count)]


def trained(steps=2, **given):
    """Return the weights that some steps leave behind, as one vector."""
    run = training(**given)
    for index in range(steps):
        run.step(items(index), index / steps)
    return weights(run)


def weights(run):
    """Return what is trained, as one vector."""
    return torch.cat([tensor.flatten() for name, tensor in run.state()[0].items() if name.startswith("weights/")])


def apart(found, plain, **given):
    """Return how far two trainings have gone apart, as a share of the way that the second went."""
    begun = weights(training(**given))
    return float((found - plain).norm() / (plain - begun).norm())

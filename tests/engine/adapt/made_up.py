"""Small Whispers of random weights that write short texts of their own, and sounds for them: a step takes a moment."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.adapt.network import trainable  # noqa: E402
from engine.adapt.records import Item  # noqa: E402
from engine.adapt.teacher import Original  # noqa: E402
from engine.adapt.training import Options, Training  # noqa: E402
from engine.units import SAMPLES_PER_POSITION  # noqa: E402
from engine.whisper.tokenizer import Tokenizer  # noqa: E402
from tests.engine.whisper.cuda.comparison import folder  # noqa: E402
from tests.engine.whisper.cuda.made_up import DIMS, checkpoint  # noqa: E402

torch.set_num_threads(1)  # tests share the processor

CPU = torch.device("cpu")
POSITIONS = 100  # 2 s, for the 30 s that a Whisper is trained on
SMALL = replace(DIMS, vocabulary=51864, positions=POSITIONS)
ENDS = 4.5  # the logit of the end of text: the largest of the others is about as large, now and then


@cache
def tokenizer():
    return Tokenizer(folder("float16 tiny.en"))


@cache
def original():
    """Return a random model that ends its texts after a few words."""
    found = checkpoint(SMALL)

    def tensor(name):
        value = found.tensor(name)
        if name == "decoder/embeddings/weight":
            steady = found.tensor("decoder/layer_norm/beta")
            value[tokenizer().end] = ENDS * steady / steady.square().sum()
        return value

    return replace(found, tensor=tensor)


def training(**options):
    """Return a training of such a model, from its beginning."""
    torch.manual_seed(0)
    return Training(trainable(original(), CPU), Original(original(), tokenizer(), CPU), Options(**options))


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

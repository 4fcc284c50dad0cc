"""A Whisper of random weights in a folder, shown 30 s and with the real vocabulary, and else as small as can be."""

import json
import shutil

import numpy as np

from engine.whisper.cuda.model.dims import Dims, shapes
from tests.engine.models import made_up
from tests.engine.whisper.cuda.comparison import folder

DIMS = Dims(
    mels=80,
    vocabulary=51864,
    width=64,
    heads=1,
    encoder_layers=1,
    decoder_layers=1,
    positions=1500,
    tokens=448,
    alignment_heads=((0, 0),),
)
END = 50256  # of text, in the English vocabulary
SURE = 6.0  # what its logits are multiplied with: a model that doubts every token of its own teaches nothing
ENDS = 5.0 * SURE  # its logit, about as large as the largest of the others: texts are short, and go round in no circles


def small_model(path, seed=0):
    """Write it, and return where it is; the test skips where the real tokenizer is not."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, shape in shapes(DIMS).items():
        values = np.ones(shape) if name.endswith("gamma") else rng.standard_normal(shape) * DIMS.width**-0.5
        made[name] = (values * (SURE if name.startswith("decoder/layer_norm") else 1)).astype(np.float16)
    steady = made["decoder/layer_norm/beta"].astype(np.float32)
    made["decoder/embeddings/weight"][END] = ENDS * steady / np.square(steady).sum()
    made["encoder/num_heads"] = np.array(DIMS.heads, np.int16)
    config = {"alignment_heads": [list(pair) for pair in DIMS.alignment_heads], "suppress_ids": [1], "lang_ids": []}
    made_up.write(path, {"model.bin": made_up.weights(made), "config.json": json.dumps(config).encode()})
    for name in ("tokenizer.json", "vocabulary.txt"):
        shutil.copyfile(folder("float16 tiny.en") / name, path / name)
    return path

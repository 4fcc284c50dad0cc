"""Whisper models for tests of the GPU engine: ours on the host, and openai-whisper's over the same weights."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.units import SAMPLES_PER_POSITION, WINDOW_S, samples
from engine.whisper.features import log_mel
from engine.whisper.tokenizer import Tokenizer
from tests.benchmarks.recordings import load
from tests.material import SHARED, engine, recording

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.whisper.cuda.decoding.rules import Marks  # noqa: E402
from engine.whisper.cuda.device.host import HostDevice  # noqa: E402
from engine.whisper.cuda.model.weights import Checkpoint, Dims, read_checkpoint  # noqa: E402
from engine.whisper.cuda.model.whisper import Whisper  # noqa: E402

DEVICE = HostDevice()

_OPENAI = (
    (r"^model\.", ""),
    (r"\.layers\.", ".blocks."),
    (r"embed_tokens\.weight", "token_embedding.weight"),
    (r"embed_positions\.weight", "positional_embedding"),
    (r"self_attn_layer_norm", "attn_ln"),
    (r"encoder_attn_layer_norm", "cross_attn_ln"),
    (r"final_layer_norm", "mlp_ln"),
    (r"fc1", "mlp.0"),
    (r"fc2", "mlp.2"),
    (r"^encoder\.layer_norm", "encoder.ln_post"),
    (r"^decoder\.layer_norm", "decoder.ln"),
    (r"encoder_attn\.", "cross_attn."),
    (r"self_attn\.", "attn."),
    (r"q_proj", "query"),
    (r"k_proj", "key"),
    (r"v_proj", "value"),
    (r"out_proj", "out"),
)


@cache
def folder(name) -> Path:
    """Return the folder of "tiny.en", "base" or "live"; the test skips where it is not."""
    found = SHARED / "models" / "whisper-tiny.en-live" if name == "live" else engine(name).installed.path
    if not found.exists():
        pytest.skip(f"the model {name} is not here")
    return found


@cache
def checkpoint(name):
    return read_checkpoint(folder(name))


@cache
def model(name) -> Whisper:
    """Return ours, in float32."""
    return Whisper(checkpoint(name), DEVICE.place, torch.float32)


@cache
def tokenizer(name) -> Tokenizer:
    return Tokenizer(folder(name))


def marks(name) -> Marks:
    words = tokenizer(name)
    never = (*checkpoint(name).suppressed, *words.never)
    return Marks(words.end, words.untimed, words.no_speech, never, words.blank)


@cache
def states(name, clip, start_s=0.0, stop_s=30.0):
    """Return what our encoder makes of a part of a recording: padded to 30 s, or for the live model by 0.5 s.

    Returns:
        float32 [1, positions, width].
    """
    sound = load(recording(clip))[samples(start_s) : samples(stop_s)]
    shown = samples(WINDOW_S)
    if name == "live":
        shown = -(-(len(sound) + samples(0.5)) // (50 * SAMPLES_PER_POSITION)) * 50 * SAMPLES_PER_POSITION
    padded = np.zeros(shown, np.float32)
    padded[: len(sound)] = sound
    return model(name).encode(torch.from_numpy(log_mel(padded))[None])


@cache
def openai(name, positions):
    """Return openai-whisper's model over the same weights, which is given encoder states of so many positions."""
    return openai_model(folder(name), positions)


def openai_model(folder, positions=1500):
    """Return openai-whisper's model over the weights of a folder."""
    whispers = pytest.importorskip("whisper.model", reason="openai-whisper is not installed (extra dev)")
    import re

    from tests.reference import whisper

    reference = whisper(folder, positions)
    config, heads = reference.config, reference.config.encoder_attention_heads
    theirs = whispers.Whisper(
        whispers.ModelDimensions(
            config.num_mel_bins,
            positions,
            config.d_model,
            heads,
            config.encoder_layers,
            config.vocab_size,
            config.max_target_positions,
            config.d_model,
            heads,
            config.decoder_layers,
        )
    )
    state = {}
    for published, value in reference.state_dict().items():
        key = published
        for pattern, replacement in _OPENAI:
            key = re.sub(pattern, replacement, key)
        if key != "proj_out.weight":
            state[key] = value
    missing, unexpected = theirs.load_state_dict(state, strict=False)
    assert not unexpected and not missing
    return theirs.eval()


SMALL = Dims(
    mels=80,
    vocabulary=90,
    width=128,
    heads=2,
    encoder_layers=1,
    decoder_layers=2,
    positions=40,
    tokens=48,
    alignment_heads=((0, 1), (1, 0)),
)
SMALL_MARKS = Marks(end=40, untimed=49, no_speech=48, never=(41, 42, 43, 44, 45, 46, 47, 48, 49), blank=(3, 40))


def small_tensors(seed: int):
    """Return what makes the tensors of a small Whisper, random ones."""
    make = torch.Generator().manual_seed(seed)

    def tensor(name):
        if name.endswith("gamma"):
            return torch.ones(SMALL.width)
        spread = 1.0 if "embeddings" in name or "encodings" in name else SMALL.width**-0.5
        return torch.randn(_small_shape(name), generator=make) * spread

    return tensor


@cache
def small(seed: int) -> Whisper:
    """Return a Whisper of random weights: small, quick, and sure of what it writes."""
    return Whisper(Checkpoint(SMALL, (), small_tensors(seed)), DEVICE.place, torch.float32)


def _small_shape(name):
    width = SMALL.width
    block, leaf = name.rsplit("/", 1)
    rows = {
        "encoder/conv1": (width, SMALL.mels, 3),
        "encoder/conv2": (width, width, 3),
        "encoder/position_encodings": (SMALL.positions, width),
        "decoder/position_encodings": (SMALL.tokens, width),
        "decoder/embeddings": (SMALL.vocabulary, width),
    }
    part = "/".join(block.split("/")[2:])
    stacked = {"self_attention/linear_0": 3, "attention/linear_1": 2, "ffn/linear_0": 4}
    shape = rows.get(block) or (width * stacked.get(part, 1), width * (4 if part == "ffn/linear_1" else 1))
    return shape[:1] if leaf in {"bias", "beta"} else shape

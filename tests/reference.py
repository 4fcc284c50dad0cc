"""Whisper in torch, to compare an engine with: Hugging Face's implementation, float32.

Its weights are read from a `model.bin` of CTranslate2, so that both compute the same model: float16 is widened, int8
divided by its scales. CTranslate2 stacks the projections of one input into one matrix and gives the keys a bias of
zero; here they are apart, and without one.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.whisper.model_bin import DTYPES, Variable, read_index

torch = pytest.importorskip("torch", reason="torch is not installed (extra dev)")
transformers = pytest.importorskip("transformers", reason="transformers is not installed (extra dev)")


_BLOCKS = {
    "self_attention/layer_norm": ("self_attn_layer_norm",),
    "self_attention/linear_0": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention/linear_1": ("self_attn.out_proj",),
    "attention/layer_norm": ("encoder_attn_layer_norm",),
    "attention/linear_0": ("encoder_attn.q_proj",),
    "attention/linear_1": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "attention/linear_2": ("encoder_attn.out_proj",),
    "ffn/layer_norm": ("final_layer_norm",),
    "ffn/linear_0": ("fc1",),
    "ffn/linear_1": ("fc2",),
    "embeddings": ("embed_tokens",),
    "position_encodings": ("embed_positions",),
}
_LEAVES = {"gamma": "weight", "beta": "bias", "encodings": "weight"}


@cache
def whisper(folder: Path, positions: int = 1500):
    """Return the `WhisperForConditionalGeneration` of a folder.

    Args:
        folder: A model in CTranslate2's format.
        positions: Of the encoder, 20 ms each: fewer than 1500 for a model that is shown a short window.
    """
    arrays = _arrays(folder / "model.bin")
    state = {name: torch.from_numpy(value) for name, value in _renamed(arrays)}
    state["model.encoder.embed_positions.weight"] = state["model.encoder.embed_positions.weight"][:positions]
    state["proj_out.weight"] = state["model.decoder.embed_tokens.weight"]
    config = transformers.WhisperConfig(**_shape(arrays), max_source_positions=positions)
    config._attn_implementation = "eager"  # the one that returns its weights
    with torch.device("meta"):  # nothing to fill with random numbers first
        model = transformers.WhisperForConditionalGeneration(config)
    model.load_state_dict(state, assign=True)
    return model.eval()


def _arrays(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as file:
        index = read_index(file)
    stored = {variable.name: _array(path, variable) for variable in index.variables}
    floats = {name: value.astype(np.float32) for name, value in stored.items()}
    for name, value in stored.items():
        if value.dtype == np.int8 and value.ndim:
            scales = floats.pop(f"{name}_scale")
            floats[name] /= scales.reshape(-1, *[1] * (value.ndim - 1))
    return floats


def _array(path: Path, variable: Variable) -> np.ndarray:
    dtype = np.dtype(DTYPES[variable.type_id])
    count = variable.bytes // dtype.itemsize
    return np.fromfile(path, dtype, count, offset=variable.offset).reshape(variable.shape)


def _renamed(arrays: dict[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    for name, value in arrays.items():
        if not value.ndim or name == "decoder/alignment_heads":
            continue  # a setting
        side, *path, leaf = name.split("/")
        layer = ""
        if path[0].removeprefix("layer_").isdigit():
            layer = f"layers.{path.pop(0).removeprefix('layer_')}."
        blocks = _BLOCKS.get("/".join(path), ("/".join(path),))
        for block, part in zip(blocks, np.split(value, len(blocks)), strict=True):
            if block.endswith("k_proj") and leaf == "bias":
                assert not part.any()
            else:
                yield f"model.{side}.{layer}{block}.{_LEAVES.get(leaf, leaf)}", part


def _shape(arrays: dict[str, np.ndarray]) -> dict[str, int]:
    vocabulary, width = arrays["decoder/embeddings/weight"].shape
    shape = {"vocab_size": vocabulary, "d_model": width, "num_mel_bins": arrays["encoder/conv1/weight"].shape[1]}
    for side in ("encoder", "decoder"):
        layers = sum(name.startswith(f"{side}/") and name.endswith("ffn/linear_0/weight") for name in arrays)
        shape[f"{side}_layers"] = layers
        shape[f"{side}_attention_heads"] = int(arrays[f"{side}/num_heads"])
        shape[f"{side}_ffn_dim"] = len(arrays[f"{side}/layer_0/ffn/linear_0/bias"])
    return shape

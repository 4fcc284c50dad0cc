"""Tensors by Hugging Face's names become tensors by CTranslate2's: what is kept apart there is stacked here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

# Hugging Face's name of each part of a layer; several are stacked.
_PARTS = {
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
_OURS = {part: block for block, parts in _PARTS.items() for part in parts}


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor that has not been read yet.

    Attributes:
        shape: Of it.
        read: Reads it into main memory, as floats.
    """

    shape: tuple[int, ...]
    read: Callable[[], Tensor]


def stacked(published: Mapping[str, Stored]) -> dict[str, Stored]:
    """Return tensors by our names, the parts of each one under the other.

    Raises:
        ValueError: Of some tensor only parts are there, or they do not fit together.
    """
    groups: dict[str, dict[str, Stored]] = {}
    for name, stored in published.items():
        ours, part = _renamed(name.removeprefix("model."))
        groups.setdefault(ours, {})[part] = stored
    return {name: _stack(name, parts) for name, parts in groups.items()}


def _renamed(published: str) -> tuple[str, str]:
    """Return our name and which part of it: `decoder.layers.1.fc1.bias` is `decoder/layer_1/ffn/linear_0/bias`."""
    side, _, rest = published.partition(".")
    part, _, leaf = rest.rpartition(".")
    layer = ""
    if part.startswith("layers."):
        number, _, part = part.removeprefix("layers.").partition(".")
        layer = f"layer_{number}/"
    block = _OURS.get(part, part)
    return f"{side}/{layer}{block}/{_leaf(block, leaf)}", part


def _leaf(block: str, published: str) -> str:
    if block.endswith("layer_norm"):
        return {"weight": "gamma", "bias": "beta"}.get(published, published)
    return "encodings" if block == "position_encodings" else published


def _stack(name: str, parts: Mapping[str, Stored]) -> Stored:
    """Return one tensor of its parts; keys are published without a bias: theirs is zero."""
    some = next(iter(parts))
    order = _PARTS[_OURS[some]] if some in _OURS else (some,)
    if len(order) == 1:
        return parts[some]
    absent = [part for part in order if part not in parts and not (name.endswith("/bias") and part.endswith("k_proj"))]
    if absent:
        raise ValueError(f"it lacks {absent[0]} of the tensor {name}")
    shape = parts[some].shape
    if any(part.shape != shape for part in parts.values()):
        raise ValueError(f"the parts of its tensor {name} do not fit together")

    def read() -> Tensor:
        found = {part: stored.read() for part, stored in parts.items()}
        zeros = torch.zeros(shape, dtype=found[some].dtype)
        return torch.cat([found.get(part, zeros) for part in order])

    return Stored((len(order) * shape[0], *shape[1:]), read)

"""A model's dimensions and tensors, from CTranslate2's format or Hugging Face's safetensors; no pickles.

Tensors go by CTranslate2's names: it stacks the projections of one input into one matrix, as the fused kernels want
them, and gives the keys a bias of zero. What Hugging Face keeps apart is stacked here.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from torch import Tensor

from engine.errors import ModelCorrupt
from engine.whisper.model_bin import DTYPES, Variable, read_index

HEAD = 64  # width of a head, in every Whisper
_HINT = "Fetch the model again."

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
}
_WHOLE = {
    "embeddings": "embed_tokens",
    "position_encodings": "embed_positions",
}
_LEAVES = {"gamma": "weight", "beta": "bias", "encodings": "weight"}


@dataclass(frozen=True, slots=True)
class Dims:
    """The shape of a Whisper.

    Attributes:
        mels: Mel bands: 80, or 128 since large-v3.
        vocabulary: Tokens it knows.
        width: Of a position and of a token.
        heads: Of an attention; each is 64 wide.
        encoder_layers: Number of them.
        decoder_layers: Number of them.
        positions: Encoder positions of 20 ms it can be shown: 1500.
        tokens: Longest sequence of the decoder: 448.
        alignment_heads: Layer and head whose cross-attention follows the sound.
    """

    mels: int
    vocabulary: int
    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    positions: int
    tokens: int
    alignment_heads: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a folder holds; a tensor is read when it is asked for.

    Attributes:
        dims: The shape.
        suppressed: Tokens that are never written: notes, brackets, markers of speakers.
        tensor: Returns a tensor by its name, in main memory, as floats; raises KeyError where there is none.
    """

    dims: Dims
    suppressed: tuple[int, ...]
    tensor: Callable[[str], Tensor]


def read_checkpoint(folder: Path) -> Checkpoint:
    """Open a folder in CTranslate2's format (`model.bin`) or Hugging Face's (`model.safetensors`, one or several).

    Raises:
        ModelCorrupt: It holds neither, or one that cannot be read.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if (folder / "model.bin").is_file():
            return _from_ctranslate2(folder / "model.bin", config)
        files = sorted(folder.glob("*.safetensors"))
        if not files:
            raise ModelCorrupt(f"{folder} holds no model.bin and no safetensors", hint=_HINT)
        generation = folder / "generation_config.json"
        if generation.is_file():
            config |= json.loads(generation.read_text(encoding="utf-8"))
        return _from_safetensors(files, config)
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise ModelCorrupt(f"{folder} cannot be read: {error!r}", hint=_HINT) from error


def _from_ctranslate2(path: Path, config: dict[str, Any]) -> Checkpoint:
    with path.open("rb") as file:
        variables = {variable.name: variable for variable in read_index(file).variables}
    tensor = partial(_mapped, path, variables)
    heads = int(tensor("encoder/num_heads"))
    return Checkpoint(
        _dims(variables, lambda name: variables[name].shape, heads, config),
        tuple(config.get("suppress_ids", ())),
        tensor,
    )


def _mapped(path: Path, variables: dict[str, Variable], name: str) -> Tensor:
    """Read a variable; int8 becomes float32, everything else stays as it is."""
    value = _bytes_of(path, variables[name])
    if value.dtype == torch.int8 and f"{name}_scale" in variables:
        scales = _bytes_of(path, variables[f"{name}_scale"])
        return value.float() / scales.float().reshape(-1, *[1] * (value.dim() - 1))
    return value


def _bytes_of(path: Path, variable: Variable) -> Tensor:
    bfloat16 = variable.type_id == len(DTYPES)  # numpy does not know it
    dtype = np.dtype(np.int16 if bfloat16 else DTYPES[variable.type_id])
    if not variable.shape:
        return torch.from_numpy(np.fromfile(path, dtype, 1, offset=variable.offset))[0]
    # Copy-on-write, because torch knows no read-only tensors: pages come from the file's cache as they are needed.
    array = np.memmap(path, dtype, "c", variable.offset, variable.shape)
    value = torch.from_numpy(array)
    return value.view(torch.bfloat16) if bfloat16 else value


def _from_safetensors(files: list[Path], config: dict[str, Any]) -> Checkpoint:
    readers: list[Any] = [safetensors.safe_open(file, framework="pt") for file in files]
    held = {name.removeprefix("model."): (reader, name) for reader in readers for name in reader.keys()}  # noqa: SIM118

    def shape(name: str) -> tuple[int, ...]:
        reader, published = held[_published(name)[0]]
        return tuple(reader.get_slice(published).get_shape())

    def tensor(name: str) -> Tensor:
        """Return the published tensors of a name, stacked; keys have no bias: it is zero."""
        parts = [held[part][0].get_tensor(held[part][1]) if part in held else None for part in _published(name)]
        first = next(part for part in parts if part is not None)
        return torch.cat([torch.zeros_like(first) if part is None else part for part in parts])

    names = [_stacked(name) for name in held]
    heads = int(config["encoder_attention_heads"])
    return Checkpoint(_dims(names, shape, heads, config), tuple(config.get("suppress_tokens") or ()), tensor)


def _published(name: str) -> list[str]:
    """Return Hugging Face's names of a tensor: `decoder/layer_1/ffn/linear_0/bias` is `decoder.layers.1.fc1.bias`."""
    side, *path, leaf = name.split("/")
    leaf = _LEAVES.get(leaf, leaf)
    if path[0].startswith("layer_") and path[0] != "layer_norm":
        layer = path.pop(0).removeprefix("layer_")
        return [f"{side}.layers.{layer}.{part}.{leaf}" for part in _PARTS["/".join(path)]]
    return [f"{side}.{_WHOLE.get(path[0], path[0])}.{leaf}"]


def _stacked(published: str) -> str:
    """Return our name of the one weight of each layer that `_dims` counts; other names stay."""
    side, _, rest = published.partition(".")
    layer = rest.removeprefix("layers.").partition(".")[0]
    return f"{side}/layer_{layer}/ffn/linear_0/weight" if rest.endswith("fc1.weight") else published


def _dims(names: Any, shape: Callable[[str], tuple[int, ...]], heads: int, config: dict[str, Any]) -> Dims:
    vocabulary, width = shape("decoder/embeddings/weight")
    layers = {
        side: sum(name.startswith(f"{side}/") and name.endswith("/ffn/linear_0/weight") for name in names)
        for side in ("encoder", "decoder")
    }
    if width != heads * HEAD:
        raise ValueError(f"{heads} heads in a width of {width}")
    # Where a model does not say, openai/whisper takes every head of the upper half.
    upper = ((layer, head) for layer in range(layers["decoder"] // 2, layers["decoder"]) for head in range(heads))
    aligned = config.get("alignment_heads") or upper
    return Dims(
        mels=shape("encoder/conv1/weight")[1],
        vocabulary=vocabulary,
        width=width,
        heads=heads,
        encoder_layers=layers["encoder"],
        decoder_layers=layers["decoder"],
        positions=shape("encoder/position_encodings/encodings")[0],
        tokens=shape("decoder/position_encodings/encodings")[0],
        alignment_heads=tuple((int(layer), int(head)) for layer, head in aligned),
    )

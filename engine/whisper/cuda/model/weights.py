"""A model's dimensions and tensors, from CTranslate2's format or Hugging Face's safetensors; no pickles.

Tensors go by CTranslate2's names: it stacks the projections of one input into one matrix, as the fused kernels want
them, and gives the keys a bias of zero. What Hugging Face keeps apart is stacked here. A file is measured against the
dimensions when it is opened: what lacks a tensor, or has one of another shape, is refused before any weight is read.
Whether the weights are the published ones is asked of their checksums, elsewhere.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from torch import Tensor

from engine.errors import ModelCorrupt
from engine.whisper.cuda.model.dims import HEAD, Dims, shapes
from engine.whisper.cuda.model.stacked import Stored, stacked
from engine.whisper.model_bin import DTYPES, Variable, read_index

_HINT = "Fetch the model again."
_SIDES = ("encoder", "decoder")
_LAYER = re.compile(r"layer_\d+")
_FLOATS = (torch.float32, torch.float16, torch.bfloat16)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a folder holds; a tensor is read when it is asked for.

    Attributes:
        dims: The shape.
        suppressed: Tokens that are never written: notes, brackets, markers of speakers.
        tensor: Returns a tensor by its name (`dims.shapes` lists them), in main memory, as floats.
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
        config = _config(folder / "config.json")
        if (folder / "model.bin").is_file():
            return _from_ctranslate2(folder / "model.bin", config)
        if (generation := folder / "generation_config.json").is_file():
            config |= _config(generation)
        return from_published(_published(_files(folder)), config)
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise ModelCorrupt(f"{folder} cannot be read: {error}", hint=_HINT) from error


def from_published(published: Mapping[str, Stored], config: Mapping[str, Any]) -> Checkpoint:
    """Make a checkpoint of tensors by Hugging Face's names.

    Args:
        published: Of a `WhisperModel` or a `WhisperForConditionalGeneration`.
        config: Its config.json, with what its generation_config.json has.

    Raises:
        ValueError: They are no Whisper.
    """
    if "encoder_attention_heads" not in config:
        raise ValueError("its config.json does not say how many encoder_attention_heads there are")
    return _checkpoint(
        stacked(published), config["encoder_attention_heads"], config, config.get("suppress_tokens") or ()
    )


def _config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its {path.name} is not JSON ({error})") from error
    if not isinstance(config, dict):
        raise ValueError(f"its {path.name} is not an object")  # noqa: TRY004, the file is wrong, not the program
    return config


def _checkpoint(stored: Mapping[str, Stored], heads: Any, config: Mapping[str, Any], suppressed: Any) -> Checkpoint:
    dims = _dims(stored, heads, config.get("alignment_heads"))
    for name, shape in shapes(dims).items():
        found = _shape(stored, name)
        if found != shape:
            raise ValueError(f"its tensor {name} is {list(found)}, not {list(shape)}")
    return Checkpoint(dims, _whole(suppressed, "suppressed tokens"), lambda name: stored[name].read())


def _from_ctranslate2(path: Path, config: Mapping[str, Any]) -> Checkpoint:
    with path.open("rb") as file:
        variables = {variable.name: variable for variable in read_index(file).variables}
    if "encoder/num_heads" not in variables:
        raise ValueError("it does not say how many heads there are")
    heads = int(_bytes_of(path, variables["encoder/num_heads"]))
    weights = {name: variable for name, variable in variables.items() if variable.shape and name.count("/") > 1}
    _one_float(weights)
    stored = {name: _variable(path, variable, variables.get(f"{name}_scale")) for name, variable in weights.items()}
    return _checkpoint(stored, heads, config, config.get("suppress_ids") or ())


def _one_float(weights: Mapping[str, Variable]) -> None:
    """Refuse a file of several float types: CTranslate2 writes one (its scales aside), so that a type is damaged."""
    floats = {torch_type(each) for each in weights.values() if not each.name.endswith("_scale")}
    if len(floats & set(_FLOATS)) > 1:
        raise ValueError("its tensors are of several float types")


def torch_type(variable: Variable) -> torch.dtype:
    """Return the type of a variable of CTranslate2's."""
    # numpy does not know bfloat16, which comes after those it knows.
    known = (*(torch.from_numpy(np.empty(0, dtype)).dtype for dtype in DTYPES), torch.bfloat16)
    return known[variable.type_id]


def _variable(path: Path, variable: Variable, scale: Variable | None) -> Stored:
    if scale is None and torch_type(variable) not in _FLOATS:
        raise ValueError(f"its tensor {variable.name} has no scales")
    if scale is not None and math.prod(scale.shape) not in {1, variable.shape[0]}:
        raise ValueError(f"its tensor {variable.name} has {math.prod(scale.shape)} scales")
    return Stored(variable.shape, lambda: _floats(path, variable, scale))


def _floats(path: Path, variable: Variable, scale: Variable | None) -> Tensor:
    """Read a variable; what is quantised (to int8 by rows, to int16 as a whole) becomes float32."""
    value = _bytes_of(path, variable)
    if scale is None:
        return value
    return value.float() / _bytes_of(path, scale).float().reshape(-1, *[1] * (value.dim() - 1))


def _bytes_of(path: Path, variable: Variable) -> Tensor:
    dtype = torch_type(variable)
    stored = np.dtype(np.int16 if dtype == torch.bfloat16 else DTYPES[variable.type_id])
    if not variable.shape:
        return torch.from_numpy(np.fromfile(path, stored, 1, offset=variable.offset))[0]
    # Copy-on-write, because torch knows no read-only tensors: pages come from the file's cache as they are needed.
    return torch.from_numpy(np.memmap(path, stored, "c", variable.offset, variable.shape)).view(dtype)


def _files(folder: Path) -> list[Path]:
    """Return the files with the weights; a folder may hold others (openai/whisper-large-v3 has them twice)."""
    if (whole := folder / "model.safetensors").is_file():
        return [whole]
    if (index := folder / "model.safetensors.index.json").is_file():
        parts = _config(index).get("weight_map")
        if not isinstance(parts, dict) or not all(isinstance(name, str) for name in parts.values()):
            raise ValueError(f"its {index.name} has no weight_map")
        return [folder / Path(name).name for name in sorted(set(parts.values()))]
    raise ValueError("it holds no model.bin and no model.safetensors")


def _published(files: Iterable[Path]) -> dict[str, Stored]:
    found = {}
    for file in files:
        reader: Any = safetensors.safe_open(file, framework="pt")
        for name in reader.keys():  # noqa: SIM118, it is no mapping
            head = reader.get_slice(name)
            if head.get_dtype() not in {"F32", "F16", "BF16"}:
                raise ValueError(f"its tensor {name} is {head.get_dtype()}")
            found[name] = Stored(tuple(head.get_shape()), partial(reader.get_tensor, name))
    return found


def _dims(stored: Mapping[str, Stored], heads: Any, aligned: Any) -> Dims:
    vocabulary, width = _shape(stored, "decoder/embeddings/weight", 2)
    # By all that belongs to a layer: counted by one tensor of each, a model that lacks it would be a layer shorter.
    begins = {tuple(name.split("/", 2)[:2]) for name in stored}
    layers = {side: sum(found == side and bool(_LAYER.fullmatch(part)) for found, part in begins) for side in _SIDES}
    if not all(layers.values()):
        raise ValueError("it lacks the layers of a side")
    if type(heads) is not int or heads * HEAD != width:
        raise ValueError(f"it has {heads} heads in a width of {width}")
    return Dims(
        mels=_shape(stored, "encoder/conv1/weight", 3)[1],
        vocabulary=vocabulary,
        width=width,
        heads=heads,
        encoder_layers=layers["encoder"],
        decoder_layers=layers["decoder"],
        positions=_shape(stored, "encoder/position_encodings/encodings", 2)[0],
        tokens=_shape(stored, "decoder/position_encodings/encodings", 2)[0],
        alignment_heads=_alignment_heads(aligned, layers["decoder"], heads),
    )


def _alignment_heads(aligned: Any, layers: int, heads: int) -> tuple[tuple[int, int], ...]:
    if not aligned:  # where a model does not say, openai/whisper takes every head of the upper half
        return tuple((layer, head) for layer in range(layers // 2, layers) for head in range(heads))
    if not isinstance(aligned, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in aligned):
        raise ValueError("its alignment_heads are no pairs")
    pairs = tuple((layer, head) for layer, head in (_whole(pair, "alignment_heads") for pair in aligned))
    if any(layer >= layers or head >= heads for layer, head in pairs):
        raise ValueError(f"its alignment_heads lie outside of {layers} layers of {heads} heads")
    return tuple(sorted(pairs))  # by layer, as the decoder hands their attention out


def _whole(numbers: Any, what: str) -> tuple[int, ...]:
    """Check that a setting is a list of whole numbers from 0 on."""
    if not isinstance(numbers, list | tuple) or not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError(f"its {what} are no list of numbers")
    return tuple(numbers)


def _shape(stored: Mapping[str, Stored], name: str, dimensions: int = 0) -> tuple[int, ...]:
    if name not in stored:
        raise ValueError(f"it lacks the tensor {name}")
    shape = stored[name].shape
    if dimensions and len(shape) != dimensions:
        raise ValueError(f"its tensor {name} has {len(shape)} dimensions")
    return shape

"""The shape of a Whisper, the name and shape of each of its tensors, and in how many bits they are kept.

Needs no torch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

HEAD = 64  # width of a head, in every Whisper
KERNEL = 3  # frames that a convolution sees


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


class Precision(StrEnum):
    """How weights are kept; whatever is no matrix of a layer or the embeddings stays in float16."""

    FLOAT16 = "float16"
    INT8 = "int8"  # weights only, each row with its scale: half the memory
    FP8 = "fp8"  # the encoder multiplies in 8 bits, on GPUs from compute capability 8.9 on

    def keeps_in_8_bits(self, name: str) -> bool:
        """Whether it does so with the matrix of a name, such as `encoder/layer_0/ffn/linear_0`."""
        return self is Precision.INT8 or (self is Precision.FP8 and name.startswith("encoder/"))


def is_matrix(name: str, shape: tuple[int, ...]) -> bool:
    """Whether a tensor multiplies what comes in: the matrices of linear layers, and the embeddings."""
    return name.endswith("/weight") and len(shape) == 2


def shapes(dims: Dims) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of a model, by CTranslate2's names; the projections of one input are stacked."""
    return dict(_shapes(dims))


def _shapes(dims: Dims) -> Iterator[tuple[str, tuple[int, ...]]]:
    width = dims.width
    for name, taken in (("encoder/conv1", dims.mels), ("encoder/conv2", width)):
        yield f"{name}/weight", (width, taken, KERNEL)
        yield f"{name}/bias", (width,)
    yield "encoder/position_encodings/encodings", (dims.positions, width)
    yield "decoder/embeddings/weight", (dims.vocabulary, width)
    yield "decoder/position_encodings/encodings", (dims.tokens, width)
    for side, layers in (("encoder", dims.encoder_layers), ("decoder", dims.decoder_layers)):
        yield from _norm(f"{side}/layer_norm", width)
        for index in range(layers):
            yield from _layer(f"{side}/layer_{index}", width, hears=side == "decoder")


def _layer(name: str, width: int, *, hears: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the tensors of a layer, which may attend to the sound."""
    blocks: dict[str, tuple[int, ...]] = {"self_attention": (3, 1)}  # projections, by how many are stacked in each
    if hears:
        blocks["attention"] = (1, 2, 1)
    for block, parts in blocks.items():
        yield from _norm(f"{name}/{block}/layer_norm", width)
        for index, stacked in enumerate(parts):
            yield from _linear(f"{name}/{block}/linear_{index}", stacked * width, width)
    yield from _norm(f"{name}/ffn/layer_norm", width)
    yield from _linear(f"{name}/ffn/linear_0", 4 * width, width)
    yield from _linear(f"{name}/ffn/linear_1", width, 4 * width)


def _norm(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}/gamma", (width,)
    yield f"{name}/beta", (width,)


def _linear(name: str, outputs: int, inputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}/weight", (outputs, inputs)
    yield f"{name}/bias", (outputs,)

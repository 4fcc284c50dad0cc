"""The parts that Whisper is made of, and how they come from a checkpoint onto a device."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.whisper.cuda.kernels.operations import NORM_EPS
from engine.whisper.cuda.model.weights import Checkpoint


@dataclass(frozen=True, slots=True)
class Linear:
    """x · weightᵀ + bias.

    Attributes:
        weight: [out, in]; int8 where there are scales.
        bias: [out], or none.
        scales: float32 [out]: what a row of an int8 weight is multiplied with.
    """

    weight: Tensor
    bias: Tensor | None = None
    scales: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Return [..., out] of x [..., in]."""
        return functional.linear(x, self.widened(x.dtype), self.bias)

    def widened(self, dtype: torch.dtype) -> Tensor:
        """Return the weight as floats."""
        # In float32 first: the scale of a weak row would be rounded coarsely in float16.
        return self.weight.to(dtype) if self.scales is None else (self.weight * self.scales[:, None]).to(dtype)


# Says which dtype or quantisation the layer of a name takes; see `precision`.
Precise = Callable[[str, Linear], Linear]


@dataclass(frozen=True, slots=True)
class Norm:
    """LayerNorm over the width."""

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Return x, normalised."""
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias, NORM_EPS)


@dataclass(frozen=True, slots=True)
class Convolution:
    """Three frames at a time, then GELU."""

    weight: Tensor
    bias: Tensor
    stride: int

    def __call__(self, x: Tensor) -> Tensor:
        """Return [k, out, n / stride] of x [k, in, n]."""
        return functional.gelu(functional.conv1d(x, self.weight, self.bias, self.stride, padding=1))


@dataclass(frozen=True, slots=True)
class SelfAttention:
    """Queries, keys and values from one stacked projection."""

    norm: Norm
    qkv: Linear
    out: Linear


@dataclass(frozen=True, slots=True)
class CrossAttention:
    """Queries from the text; keys and values from the sound."""

    norm: Norm
    query: Linear
    keys_values: Linear
    out: Linear


@dataclass(frozen=True, slots=True)
class FeedForward:
    """Four times as wide, GELU, and back."""

    norm: Norm
    up: Linear
    down: Linear

    def __call__(self, x: Tensor) -> Tensor:
        """Return what is added to x."""
        return self.down(functional.gelu(self.up(self.norm(x))))


@dataclass(frozen=True, slots=True)
class EncoderLayer:
    """Sound attends to sound."""

    attention: SelfAttention
    feed_forward: FeedForward


@dataclass(frozen=True, slots=True)
class DecoderLayer:
    """Text attends to text, then to sound."""

    attention: SelfAttention
    cross: CrossAttention
    feed_forward: FeedForward


@dataclass(frozen=True, slots=True)
class Shelf:
    """Takes a checkpoint's tensors to a device, as layers.

    Attributes:
        checkpoint: From `read_checkpoint`.
        device: Where to.
        dtype: Of all that `precise` leaves alone.
        precise: What becomes of the layers that are matrices, embeddings among them.
    """

    checkpoint: Checkpoint
    device: torch.device
    dtype: torch.dtype
    precise: Precise | None = None

    def tensor(self, name: str) -> Tensor:
        """Return a tensor of the checkpoint."""
        held = self.checkpoint.tensor(name)
        return torch.empty(held.shape, dtype=self.dtype, device=self.device).copy_(held)

    def embeddings(self) -> Linear:
        """Return the embeddings of tokens, which are the last projection as well."""
        return self._as_it_shall_be("decoder/embeddings", Linear(self.tensor("decoder/embeddings/weight")))

    def norm(self, name: str) -> Norm:
        """Return a LayerNorm."""
        return Norm(self.tensor(f"{name}/gamma"), self.tensor(f"{name}/beta"))

    def convolution(self, name: str, stride: int) -> Convolution:
        """Return a convolution."""
        return Convolution(self.tensor(f"{name}/weight"), self.tensor(f"{name}/bias"), stride)

    def encoder_layer(self, name: str) -> EncoderLayer:
        """Return a layer of the encoder."""
        return EncoderLayer(self._self_attention(f"{name}/self_attention"), self._feed_forward(f"{name}/ffn"))

    def decoder_layer(self, name: str) -> DecoderLayer:
        """Return a layer of the decoder."""
        own, wide = self._self_attention(f"{name}/self_attention"), self._feed_forward(f"{name}/ffn")
        name = f"{name}/attention"
        query, keys_values, out = (self._linear(f"{name}/linear_{index}") for index in range(3))
        return DecoderLayer(own, CrossAttention(self.norm(f"{name}/layer_norm"), query, keys_values, out), wide)

    def _self_attention(self, name: str) -> SelfAttention:
        qkv, out = self._linear(f"{name}/linear_0"), self._linear(f"{name}/linear_1")
        return SelfAttention(self.norm(f"{name}/layer_norm"), qkv, out)

    def _feed_forward(self, name: str) -> FeedForward:
        up, down = self._linear(f"{name}/linear_0"), self._linear(f"{name}/linear_1")
        return FeedForward(self.norm(f"{name}/layer_norm"), up, down)

    def _linear(self, name: str) -> Linear:
        return self._as_it_shall_be(name, Linear(self.tensor(f"{name}/weight"), self.tensor(f"{name}/bias")))

    def _as_it_shall_be(self, name: str, layer: Linear) -> Linear:
        return self.precise(name, layer) if self.precise else layer

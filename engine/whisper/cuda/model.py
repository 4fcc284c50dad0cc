"""Whisper's encoder and decoder (openai/whisper, `model.py`, MIT); dimensions are data, the KV cache is an argument.

`encode` and `remember` see a window; `read` takes several tokens at once (a prompt, a draft, a text to align), `step`
one token a row over the fused operations. Nothing here waits for the device or asks it for a value, so that each can be
captured as a graph.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine.whisper.cuda.operations import NORM_EPS, PLAIN, Operations
from engine.whisper.cuda.weights import HEAD, Checkpoint, Dims

# The math kernel writes the whole matrix of attention; with these alone torch refuses rather than falls back to it.
FUSED = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION]


@dataclass(frozen=True, slots=True)
class Linear:
    """x · weightᵀ + bias.

    Attributes:
        weight: [out, in]; int8 where there are scales.
        bias: [out], or none.
        scales: [out]: what a row of an int8 weight is multiplied with.
    """

    weight: Tensor
    bias: Tensor | None = None
    scales: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Return [..., out] of x [..., in]."""
        if self.scales is None:
            return functional.linear(x, self.weight, self.bias)
        return functional.linear(x, self.weight.to(x.dtype) * self.scales[:, None].to(x.dtype), self.bias)


@dataclass(frozen=True, slots=True)
class Norm:
    """LayerNorm over the width."""

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Return x, normalised."""
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias, NORM_EPS)


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
class Cache:
    """Keys and values of the tokens so far, static: [decoder layers, rows, heads, tokens, 64]."""

    keys: Tensor
    values: Tensor


@dataclass(frozen=True, slots=True)
class Memory:
    """Keys and values of the sound, static, for `k` windows; each has as many rows (beams) as the cache has more.

    Attributes:
        keys: [decoder layers, k, heads, positions, 64].
        values: The same.
        lengths: int32 [k], positions that may be attended to.
    """

    keys: Tensor
    values: Tensor
    lengths: Tensor


class Whisper:
    """The weights on a device, and what is computed with them.

    Args:
        checkpoint: From `read_checkpoint`.
        device: Where to.
        dtype: float16 on a GPU; bfloat16 and float32 work as well.
        operations: Of the token step.
        precise: Says which dtype or quantisation a layer takes; see `precision`. None keeps `dtype` everywhere.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: torch.device,
        dtype: torch.dtype,
        *,
        operations: Operations = PLAIN,
        precise: Callable[[str, Linear], Linear] | None = None,
    ) -> None:
        self.dims: Dims = checkpoint.dims
        self.device = device
        self.dtype = dtype
        self.operations = operations
        self._checkpoint = checkpoint
        self._precise = precise
        self._conv1, self._conv2 = self._linear("encoder/conv1"), self._linear("encoder/conv2")
        self._sound_places = self._tensor("encoder/position_encodings/encodings")
        self._encoder = [self._encoder_layer(f"encoder/layer_{i}") for i in range(self.dims.encoder_layers)]
        self._encoder_norm = self._norm("encoder/layer_norm")
        self.embeddings = self._tensor("decoder/embeddings/weight")
        self._text_places = self._tensor("decoder/position_encodings/encodings")
        self._decoder = [self._decoder_layer(f"decoder/layer_{i}") for i in range(self.dims.decoder_layers)]
        self._decoder_norm = self._norm("decoder/layer_norm")
        aligned = self.dims.alignment_heads
        self._watched = {
            index: torch.tensor([head for layer, head in aligned if layer == index], device=device)
            for index in {layer for layer, _ in aligned}
        }

    def cache(self, rows: int) -> Cache:
        """Return an empty cache."""
        shape = (self.dims.decoder_layers, rows, self.dims.heads, self.dims.tokens, HEAD)
        return Cache(self._zeros(shape), self._zeros(shape))

    def memory(self, windows: int, positions: int) -> Memory:
        """Return room for what the decoder may attend to of so many windows."""
        shape = (self.dims.decoder_layers, windows, self.dims.heads, positions, HEAD)
        lengths = torch.zeros(windows, dtype=torch.int32, device=self.device)
        return Memory(self._zeros(shape), self._zeros(shape), lengths)

    def encode(self, mel: Tensor) -> Tensor:
        """Return what the encoder makes of log-mel spectrograms.

        Args:
            mel: [k, mels, 2 n], n positions of at most 1500.

        Returns:
            [k, n, width].
        """
        x = functional.gelu(functional.conv1d(mel, self._conv1.weight, self._conv1.bias, padding=1))
        x = functional.gelu(functional.conv1d(x, self._conv2.weight, self._conv2.bias, stride=2, padding=1))
        x = x.transpose(1, 2)
        x = x + self._sound_places[: x.shape[1]]
        for layer in self._encoder:
            query, keys, values = self._heads(layer.attention.qkv(layer.attention.norm(x)), 3)
            with sdpa_kernel(FUSED):
                attended = functional.scaled_dot_product_attention(query, keys, values)
            x = x + layer.attention.out(_joined(attended))
            x = x + layer.feed_forward(x)
        return self._encoder_norm(x)

    def remember(self, states: Tensor, memory: Memory, first: int = 0) -> None:
        """Write the keys and values of encoder states [k, n, width] into a memory, from position `first` on."""
        last = first + states.shape[1]
        for index, layer in enumerate(self._decoder):
            keys, values = self._heads(layer.cross.keys_values(states), 2)
            memory.keys[index, :, :, first:last] = keys
            memory.values[index, :, :, first:last] = values

    def read(
        self,
        tokens: Tensor,
        first: Tensor,
        cache: Cache,
        memory: Memory,
        *,
        beams: int = 1,
        watch: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Take several tokens of each window at once; they see those before them in the cache.

        What stands after a window's last real token is computed in vain and overwritten later.

        Args:
            tokens: int64 [k, n].
            first: int64 [k], the place of each window's first token; first + n is no more than the cache has places.
            cache: Takes their keys and values: those of window i in row i × beams.
            memory: Of the k windows.
            beams: Rows of a window.
            watch: Whether the attention to the sound is wanted.

        Returns:
            [k, n, width] to be given to `logits`, and float32 [k, alignment heads, n, positions] or None.
        """
        places = first[:, None] + torch.arange(tokens.shape[1], device=self.device)
        x = self.embeddings[tokens] + self._text_places[places]
        seen = torch.arange(self.dims.tokens, device=self.device) <= places[:, None, :, None]
        heard = torch.arange(memory.keys.shape[3], device=self.device) < memory.lengths[:, None, None, None]
        windows = torch.arange(len(tokens), device=self.device)[:, None]
        attention = []
        for index, layer in enumerate(self._decoder):
            query, keys, values = self._heads(layer.attention.qkv(layer.attention.norm(x)), 3)
            # [k, n] before [heads, 64]: the two index tensors stand apart from each other.
            cache.keys[index, ::beams].transpose(1, 2)[windows, places] = keys.transpose(1, 2)
            cache.values[index, ::beams].transpose(1, 2)[windows, places] = values.transpose(1, 2)
            x = x + layer.attention.out(
                _joined(_attended(query, cache.keys[index, ::beams], cache.values[index, ::beams], seen))
            )
            (query,) = self._heads(layer.cross.query(layer.cross.norm(x)), 1)
            if watch and index in self._watched:
                attention.append(_probabilities(query, memory.keys[index], heard, self._watched[index]))
            x = x + layer.cross.out(_joined(_attended(query, memory.keys[index], memory.values[index], heard)))
            x = x + layer.feed_forward(x)
        return self._decoder_norm(x), torch.cat(attention, 1) if attention else None

    def step(
        self,
        tokens: Tensor,
        places: Tensor,
        cache: Cache,
        memory: Memory,
        *,
        rows: Tensor | None = None,
        watch: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Take one token of each row.

        Args:
            tokens: int64 [b].
            places: int64 [b].
            cache: Of b rows.
            memory: Of the k windows, b = k × beams.
            rows: int32 [b, tokens]: in which row of the cache a row's history stands, place by place.
            watch: Whether the attention to the sound is wanted.

        Returns:
            [b, width], normalised, and float32 [b, alignment heads, positions] or None.
        """
        do = self.operations
        x = self.embeddings[tokens] + self._text_places[places]
        lengths = (places + 1).to(torch.int32)
        delta = None
        attention = []
        for index, layer in enumerate(self._decoder):
            own, cross, wide = layer.attention, layer.cross, layer.feed_forward
            keys, values = cache.keys[index], cache.values[index]
            x, normed = do.add_norm(x, delta, own.norm.weight, own.norm.bias)
            query = do.qkv(normed, own.qkv.weight, own.qkv.bias, keys, values, places, scales=own.qkv.scales)
            delta = self._row_linear(do.attend(query, keys, values, lengths, rows).flatten(1), own.out)
            x, normed = do.add_norm(x, delta, cross.norm.weight, cross.norm.bias)
            query = self._row_linear(normed, cross.query).unflatten(1, (-1, HEAD))
            if watch and index in self._watched:
                attention.append(do.weights_of(query, memory.keys[index], self._watched[index], memory.lengths))
            attended = do.attend(query, memory.keys[index], memory.values[index], memory.lengths)
            delta = self._row_linear(attended.flatten(1), cross.out)
            x, normed = do.add_norm(x, delta, wide.norm.weight, wide.norm.bias)
            delta = self._row_linear(self._row_linear(normed, wide.up, gelu=True), wide.down)
        _, normed = do.add_norm(x, delta, self._decoder_norm.weight, self._decoder_norm.bias)
        return normed, torch.cat(attention, 1) if attention else None

    def logits(self, hidden: Tensor) -> Tensor:
        """Return float32 [..., vocabulary] of [..., width]."""
        return functional.linear(hidden, self.embeddings).float()

    def _row_linear(self, x: Tensor, layer: Linear, *, gelu: bool = False) -> Tensor:
        return self.operations.linear(x, layer.weight, layer.bias, gelu=gelu, scales=layer.scales)

    def _heads(self, stacked: Tensor, parts: int) -> tuple[Tensor, ...]:
        """Cut [k, n, parts × width] into `parts` of [k, heads, n, 64]."""
        return tuple(stacked.unflatten(2, (parts, self.dims.heads, HEAD)).permute(2, 0, 3, 1, 4))

    def _encoder_layer(self, name: str) -> EncoderLayer:
        return EncoderLayer(self._self_attention(name), self._feed_forward(name))

    def _decoder_layer(self, name: str) -> DecoderLayer:
        cross = CrossAttention(
            self._norm(f"{name}/attention/layer_norm"),
            self._linear(f"{name}/attention/linear_0"),
            self._linear(f"{name}/attention/linear_1"),
            self._linear(f"{name}/attention/linear_2"),
        )
        return DecoderLayer(self._self_attention(name), cross, self._feed_forward(name))

    def _self_attention(self, name: str) -> SelfAttention:
        name = f"{name}/self_attention"
        return SelfAttention(
            self._norm(f"{name}/layer_norm"), self._linear(f"{name}/linear_0"), self._linear(f"{name}/linear_1")
        )

    def _feed_forward(self, name: str) -> FeedForward:
        name = f"{name}/ffn"
        return FeedForward(
            self._norm(f"{name}/layer_norm"), self._linear(f"{name}/linear_0"), self._linear(f"{name}/linear_1")
        )

    def _linear(self, name: str) -> Linear:
        layer = Linear(self._tensor(f"{name}/weight"), self._tensor(f"{name}/bias"))
        return self._precise(name, layer) if self._precise else layer

    def _norm(self, name: str) -> Norm:
        return Norm(self._tensor(f"{name}/gamma"), self._tensor(f"{name}/beta"))

    def _tensor(self, name: str) -> Tensor:
        return self._checkpoint.tensor(name).to(self.device, self.dtype)

    def _zeros(self, shape: tuple[int, ...]) -> Tensor:
        return torch.zeros(shape, dtype=self.dtype, device=self.device)


def _joined(heads: Tensor) -> Tensor:
    """Return [k, n, width] of [k, heads, n, 64]."""
    return heads.transpose(1, 2).flatten(2)


def _attended(query: Tensor, keys: Tensor, values: Tensor, visible: Tensor) -> Tensor:
    with sdpa_kernel(FUSED):
        return functional.scaled_dot_product_attention(query, keys, values, attn_mask=visible)


def _probabilities(query: Tensor, keys: Tensor, visible: Tensor, heads: Tensor) -> Tensor:
    """Return float32 [k, heads, n, positions]: how much each token attends to each position."""
    scores = query[:, heads].float() @ keys[:, heads].float().transpose(2, 3) * HEAD**-0.5
    return scores.masked_fill(~visible, float("-inf")).softmax(3)

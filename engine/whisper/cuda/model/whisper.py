"""Whisper's encoder and decoder (openai/whisper, `model.py`, MIT); dimensions are data, the KV cache is an argument.

`encode` and `remember` see a window; `read` takes several tokens at once (a prompt, a draft, a text to align), `step`
one token a row over the fused operations. Nothing here waits for the device or asks it for a value, so that each can be
captured as a graph.
"""

from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine.whisper.cuda.kernels.operations import PLAIN, Operations
from engine.whisper.cuda.model.dims import HEAD, Dims
from engine.whisper.cuda.model.layers import Linear, Norm, Precise, Shelf
from engine.whisper.cuda.model.weights import Checkpoint

# The math kernel writes the whole matrix of attention; with these alone torch refuses rather than falls back to it.
# Flash takes no mask and wants compute capability 8.0, the other takes both. cuDNN's makes a plan for every new shape.
FUSED = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION]
_CHOOSING = Lock()  # torch keeps the choice for the whole process: of two threads, one would undo the other's
# What is added to a score that shall not count: its exponential is 0 beside any other's, and where nothing counts
# (a window that nobody listens to) there is still a number.
_UNSEEN = -60_000.0
_ALIGNED = 8  # elements: rows of a mask that the efficient kernel reads without copying them first


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
        dtype: float16 on a GPU, whatever type the file holds; float32 to compare. bfloat16 works, and is off by ten
            times as much as float16.
        operations: Of the token step.
        precise: Says which dtype or quantisation a layer takes; see `precision`. None keeps `dtype` everywhere.

    Attributes:
        dims: The shape.
        embeddings: [vocabulary, width], of tokens; also the last projection. int8 where there are scales.
        embedding_scales: float32 [vocabulary], or none.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: torch.device,
        dtype: torch.dtype,
        *,
        operations: Operations = PLAIN,
        precise: Precise | None = None,
    ) -> None:
        self.dims: Dims = checkpoint.dims
        self.device = device
        self.dtype = dtype
        self.operations = operations
        shelf = Shelf(checkpoint, device, dtype, precise)
        self._conv1, self._conv2 = shelf.convolution("encoder/conv1", 1), shelf.convolution("encoder/conv2", 2)
        self._sound_places = shelf.tensor("encoder/position_encodings/encodings")
        self._encoder = [shelf.encoder_layer(f"encoder/layer_{i}") for i in range(self.dims.encoder_layers)]
        self._encoder_norm = shelf.norm("encoder/layer_norm")
        embeddings = shelf.embeddings()
        self.embeddings, self.embedding_scales = embeddings.weight, embeddings.scales
        self._text_places = shelf.tensor("decoder/position_encodings/encodings")
        self._decoder = [shelf.decoder_layer(f"decoder/layer_{i}") for i in range(self.dims.decoder_layers)]
        self._decoder_norm = shelf.norm("decoder/layer_norm")
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
        x = self._conv2(self._conv1(mel)).transpose(1, 2)
        x = x + self._sound_places[: x.shape[1]]
        for layer in self._encoder:
            # Without names for what is in between: it would be kept while the wide part is computed.
            x = x + layer.attention.out(
                _joined(_attended(*self._heads(layer.attention.qkv(layer.attention.norm(x)), 3)))
            )
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
        x = self._embedded(tokens, places)
        seen = self._mask(places[:, None, :, None] + 1, self.dims.tokens)
        heard = self._mask(memory.lengths[:, None, None, None], memory.keys.shape[3])
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
        x = self._embedded(tokens, places)
        lengths = (places + 1).to(torch.int32)
        attention = []
        for index, layer in enumerate(self._decoder):
            own, cross, wide = layer.attention, layer.cross, layer.feed_forward
            keys, values = cache.keys[index], cache.values[index]
            norm = own.norm.weight, own.norm.bias
            query = do.qkv(x, own.qkv.weight, own.qkv.bias, keys, values, places, norm=norm, scales=own.qkv.scales)
            x = self._row_linear(do.attend(query, keys, values, lengths, rows).flatten(1), own.out, residual=x)
            query = self._row_linear(x, cross.query, norm=cross.norm).unflatten(1, (-1, HEAD))
            if watch and index in self._watched:
                attention.append(do.weights_of(query, memory.keys[index], self._watched[index], memory.lengths))
            attended = do.attend(query, memory.keys[index], memory.values[index], memory.lengths)
            x = self._row_linear(attended.flatten(1), cross.out, residual=x)
            x = self._row_linear(self._row_linear(x, wide.up, norm=wide.norm, gelu=True), wide.down, residual=x)
        _, normed = do.add_norm(x, None, self._decoder_norm.weight, self._decoder_norm.bias)
        return normed, torch.cat(attention, 1) if attention else None

    def logits(self, hidden: Tensor) -> Tensor:
        """Return float32 [..., vocabulary] of [..., width]."""
        return Linear(self.embeddings, scales=self.embedding_scales)(hidden).float()

    def _embedded(self, tokens: Tensor, places: Tensor) -> Tensor:
        vectors = self.embeddings[tokens]
        if self.embedding_scales is not None:
            vectors = (vectors * self.embedding_scales[tokens][..., None]).to(self.dtype)
        return vectors + self._text_places[places]

    def _mask(self, lengths: Tensor, n: int) -> Tensor:
        """Return what to add to scores: [k, 1, tokens or 1, n], of which `lengths` [k, 1, tokens or 1, 1] count.

        Rows begin at multiples of what the kernel of attention wants (n of 1500 is none): it would copy them otherwise,
        in every layer.
        """
        padded = torch.arange(-(-n // _ALIGNED) * _ALIGNED, device=self.device)
        return torch.where(padded < lengths, 0.0, _UNSEEN).to(self.dtype)[..., :n]

    def _row_linear(
        self,
        x: Tensor,
        layer: Linear,
        *,
        norm: Norm | None = None,
        gelu: bool = False,
        residual: Tensor | None = None,
    ) -> Tensor:
        first = None if norm is None else (norm.weight, norm.bias)
        weight, bias, scales = layer.weight, layer.bias, layer.scales
        return self.operations.linear(x, weight, bias, norm=first, gelu=gelu, residual=residual, scales=scales)

    def _heads(self, stacked: Tensor, parts: int) -> tuple[Tensor, ...]:
        """Cut [k, n, parts × width] into `parts` of [k, heads, n, 64]."""
        return tuple(stacked.unflatten(2, (parts, self.dims.heads, HEAD)).permute(2, 0, 3, 1, 4))

    def _zeros(self, shape: tuple[int, ...]) -> Tensor:
        return torch.zeros(shape, dtype=self.dtype, device=self.device)


def _joined(heads: Tensor) -> Tensor:
    """Return [k, n, width] of [k, heads, n, 64]."""
    return heads.transpose(1, 2).flatten(2)


def _attended(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
    with _CHOOSING, sdpa_kernel(FUSED):
        return functional.scaled_dot_product_attention(query, keys, values, attn_mask=mask)


def _probabilities(query: Tensor, keys: Tensor, mask: Tensor, heads: Tensor) -> Tensor:
    """Return float32 [k, heads, n, positions]: how much each token attends to each position."""
    scores = query[:, heads].float() @ keys[:, heads].float().transpose(2, 3) * HEAD**-0.5
    return (scores + mask).softmax(3)

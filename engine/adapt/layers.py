"""The layers of a Whisper that can be trained, over the tokens of several items laid end to end.

Linear layers take them all in one; attention keeps to each item's own, whose lengths are given.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.whisper.cuda.kernels.operations import NORM_EPS
from engine.whisper.cuda.model.dims import HEAD, Dims

Lengths = Sequence[int]


class DecoderLayer(nn.Module):
    """Text attends to text, then to sound."""

    def __init__(self, dims: Dims, watched: Sequence[int]) -> None:
        super().__init__()
        self.self_attention = SelfAttention(dims)
        self.attention = CrossAttention(dims, watched)
        self.ffn = FeedForward(dims.width)

    def forward(
        self, x: Tensor, tokens: Lengths, states: Tensor, positions: Lengths
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return x, read once more, and the attention of the layer's alignment heads, item by item."""
        x = x + self.self_attention(x, tokens)
        found, look = self.attention(x, tokens, states, positions)
        x = x + found
        return x + self.ffn(x), look


class SelfAttention(nn.Module):
    """Queries, keys and values from one stacked projection; each token sees those before it."""

    def __init__(self, dims: Dims) -> None:
        super().__init__()
        self.layer_norm = Norm(dims.width)
        self.linear_0 = Linear(dims.width, 3 * dims.width, keys=1)
        self.linear_1 = Linear(dims.width, dims.width)

    def forward(self, x: Tensor, lengths: Lengths) -> Tensor:
        """Return what each of [n, width] finds among its own item's."""
        query, keys, values = _heads(self.linear_0(self.layer_norm(x)), 3)
        found = [
            functional.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0]
            for q, k, v in zip(*(each.split(list(lengths), 1) for each in (query, keys, values)), strict=True)
        ]
        return self.linear_1(_joined(found))


class CrossAttention(nn.Module):
    """Queries from the text; keys and values from the sound."""

    def __init__(self, dims: Dims, watched: Sequence[int]) -> None:
        super().__init__()
        self.watched = list(watched)
        self.layer_norm = Norm(dims.width)
        self.linear_0 = Linear(dims.width, dims.width)
        self.linear_1 = Linear(dims.width, 2 * dims.width, keys=0)
        self.linear_2 = Linear(dims.width, dims.width)

    def forward(
        self, x: Tensor, tokens: Lengths, states: Tensor, positions: Lengths
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return what each token finds in its item's sound, and where the alignment heads looked."""
        (query,) = _heads(self.linear_0(self.layer_norm(x)), 1)
        keys, values = _heads(self.linear_1(states), 2)
        found, look = [], []
        for asked, key, value in zip(
            query.split(list(tokens), 1), keys.split(list(positions), 1), values.split(list(positions), 1), strict=True
        ):
            found.append(functional.scaled_dot_product_attention(asked[None], key[None], value[None])[0])
            look.append(_log_attention(asked[self.watched], key[self.watched]))
        return self.linear_2(_joined(found)), tuple(look)


class FeedForward(nn.Module):
    """Four times as wide, GELU, and back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer_norm = Norm(width)
        self.linear_0, self.linear_1 = Linear(width, 4 * width), Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return what is added to x."""
        return self.linear_1(functional.gelu(self.linear_0(self.layer_norm(x))))


class Linear(nn.Linear):
    """x · weightᵀ + bias.

    Args:
        inputs: Width of x.
        outputs: Width of the result.
        keys: Which of several stacked projections makes the keys; its bias counts as zero, which it is in every
            Whisper: it changes no attention, and an optimiser would let it wander.

    Attributes:
        unbiased: Outputs from the first to before the second have no bias.
    """

    def __init__(self, inputs: int, outputs: int, *, keys: int | None = None) -> None:
        super().__init__(inputs, outputs)
        self.unbiased = None if keys is None else (keys * inputs, (keys + 1) * inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return [..., outputs]."""
        bias = self.bias
        if self.unbiased:
            first, last = self.unbiased
            bias = torch.cat([bias[:first], bias.new_zeros(last - first), bias[last:]])
        return functional.linear(x, self.weight, bias)


class Norm(nn.Module):
    """LayerNorm over the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return x, normalised."""
        return functional.layer_norm(x, self.gamma.shape, self.gamma, self.beta, NORM_EPS)


class Places(nn.Module):
    """What is added to a position or a token for where it stands."""

    def __init__(self, places: int, width: int) -> None:
        super().__init__()
        self.encodings = nn.Parameter(torch.zeros(places, width))


def _heads(stacked: Tensor, parts: int) -> tuple[Tensor, ...]:
    """Cut [n, parts × width] into `parts` of [heads, n, 64]."""
    return tuple(stacked.unflatten(1, (parts, -1, HEAD)).permute(1, 2, 0, 3))


def _joined(items: list[Tensor]) -> Tensor:
    """Return [n of all items, width] of [heads, n, 64] each."""
    return torch.cat([item.transpose(0, 1).flatten(1) for item in items])


def _log_attention(query: Tensor, keys: Tensor) -> Tensor:
    """Return float32 [heads, tokens, positions]."""
    with torch.autocast(query.device.type, enabled=False):
        return (query.float() @ keys.float().transpose(1, 2) * HEAD**-0.5).log_softmax(2)

"""What the decoder asks of a device for a token, and each of it in plain torch.

`Operations` is a protocol with two implementations that agree: `PLAIN`, below, runs wherever torch does; the Triton
kernels of `launches` run on NVIDIA GPUs and are tested against it.

- `b` rows (beams) share the encodings of `k` windows: b = k × beams, and the rows of a window stand together.
- Tensors are float16, bfloat16 or float32, all floats of a call alike; sums are float32, results are in the type of
  the input unless it says otherwise. A weight may be int8, with a float32 scale for each of its rows: it stands for
  weight × scale.
- Every call can be captured as a CUDA graph: what changes from step to step (places, lengths, tokens, flags) is read on
  the device, nothing is read back, and no shape depends on a value.
"""

import math
from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812, as everybody calls it
from torch import Tensor

NORM_EPS = 1e-5  # of every LayerNorm in Whisper

NormWeights = tuple[Tensor, Tensor]  # weight and bias of a LayerNorm


class Operations(Protocol):
    """The steps of a decoder layer, for one new token in each of `b` rows."""

    def attend(
        self, query: Tensor, keys: Tensor, values: Tensor, lengths: Tensor, rows: Tensor | None = None
    ) -> Tensor:
        """Return what each row's query finds, scaled by 1/√d inside.

        Args:
            query: [b, heads, d].
            keys: [k, heads, n, d]; the last axis is contiguous.
            values: As `keys`.
            lengths: int32 [k]; so many places are seen, from the first. None seen (0) gives zeros.
            rows: int32 [b, n], and then k = b: place j of row r is read from row `rows[r, j]` of keys and values, so
                that a beam which takes over another's history moves no cache.

        Returns:
            [b, heads, d].
        """
        ...

    def qkv(  # noqa: PLR0917, a cache is two tensors
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        keys: Tensor,
        values: Tensor,
        places: Tensor,
        *,
        norm: NormWeights | None = None,
        scales: Tensor | None = None,
    ) -> Tensor:
        """Project to query, key and value, and write each row's key and value into the cache.

        Args:
            x: [b, w].
            weight: [3 w, w]: query, key, value, one under the other.
            bias: [3 w].
            keys: [b, heads, places, d], written at `places`; the last axis is contiguous.
            values: As `keys`.
            places: int64 [b], each within the cache.
            norm: Of x, taken first.
            scales: float32 [3 w], of an int8 weight.

        Returns:
            The query [b, heads, d].
        """
        ...

    def linear(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        *,
        norm: NormWeights | None = None,
        gelu: bool = False,
        residual: Tensor | None = None,
        scales: Tensor | None = None,
    ) -> Tensor:
        """Return x · weightᵀ + bias, then GELU (the exact one), then plus the residual.

        Args:
            x: [..., in].
            weight: [out, in].
            bias: [out].
            norm: Of x, taken first.
            gelu: Whether it passes through GELU.
            residual: [..., out].
            scales: float32 [out], of an int8 weight.

        Returns:
            [..., out].
        """
        ...

    def add_norm(self, x: Tensor, delta: Tensor | None, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Return x + delta and its LayerNorm.

        Args:
            x: [..., w].
            delta: As `x`; without one, the sum is `x` itself.
            weight: [w].
            bias: [w].

        Returns:
            The sum and its LayerNorm, each like `x`.
        """
        ...

    def best_token(
        self, hidden: Tensor, embedding: Tensor, forbidden: Tensor, *, scales: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the likeliest token of each row among those allowed, the first of equals.

        Args:
            hidden: [b, w].
            embedding: [v, w].
            forbidden: bool [v] or [b, v].
            scales: float32 [v], of an int8 embedding.

        Returns:
            Tokens int64 [b], and float32 [b]: their log-probability over what is allowed. Where nothing is: token 0
            and -inf.
        """
        ...

    def weights_of(self, query: Tensor, keys: Tensor, heads: Tensor, lengths: Tensor) -> Tensor:
        """Return how some heads spread their attention.

        Args:
            query: [b, all heads, d].
            keys: [k, all heads, n, d]; the last axis is contiguous.
            heads: int64 [m], those that are asked for.
            lengths: int32 [k]; places behind them get 0.

        Returns:
            float32 [b, m, n]; each sums to 1 where any place is seen.
        """
        ...


class PlainOperations:
    """`Operations` in torch alone: slower on a GPU than the kernels, and right wherever torch runs."""

    def attend(
        self, query: Tensor, keys: Tensor, values: Tensor, lengths: Tensor, rows: Tensor | None = None
    ) -> Tensor:
        """Return what each row's query finds (see `Operations`)."""
        if rows is not None:
            keys, values = _gathered(keys, rows), _gathered(values, rows)
        found = _spread(query, keys, lengths) @ values.float()
        return found.transpose(1, 2).reshape(query.shape).to(query.dtype)

    def qkv(  # noqa: PLR0917, a cache is two tensors
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        keys: Tensor,
        values: Tensor,
        places: Tensor,
        *,
        norm: NormWeights | None = None,
        scales: Tensor | None = None,
    ) -> Tensor:
        """Project, and write key and value into the cache (see `Operations`)."""
        parts = self.linear(x, weight, bias, norm=norm, scales=scales).view(x.shape[0], 3, keys.shape[1], keys.shape[3])
        query, key, value = parts.unbind(1)
        every_row = torch.arange(x.shape[0], device=x.device)
        keys[every_row, :, places] = key
        values[every_row, :, places] = value
        return query

    def linear(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        *,
        norm: NormWeights | None = None,
        gelu: bool = False,
        residual: Tensor | None = None,
        scales: Tensor | None = None,
    ) -> Tensor:
        """Return x · weightᵀ + bias, through GELU, plus the residual (see `Operations`)."""
        given = x if norm is None else self.add_norm(x, None, *norm)[1]
        product = _product(given, weight, scales)
        if bias is not None:
            product = product + bias.float()
        if gelu:
            product = F.gelu(product)
        if residual is not None:
            product = product + residual.float()
        return product.to(x.dtype)

    def add_norm(self, x: Tensor, delta: Tensor | None, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum and its LayerNorm (see `Operations`)."""
        if delta is not None:
            x = x + delta
        normal = F.layer_norm(x.float(), x.shape[-1:], weight.float(), bias.float(), NORM_EPS)
        return x, normal.to(x.dtype)

    def best_token(
        self, hidden: Tensor, embedding: Tensor, forbidden: Tensor, *, scales: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the likeliest allowed token of each row and its log-probability (see `Operations`)."""
        logits = _product(hidden, embedding, scales).masked_fill(forbidden, -math.inf)
        token = logits.argmax(-1)
        best = logits.gather(-1, token[:, None])[:, 0]
        # Where everything is forbidden, -inf minus -inf would be no number.
        return token, torch.where(best.isneginf(), best, best - logits.logsumexp(-1))

    def weights_of(self, query: Tensor, keys: Tensor, heads: Tensor, lengths: Tensor) -> Tensor:
        """Return how some heads spread their attention (see `Operations`)."""
        spread = _spread(query[:, heads], keys[:, heads], lengths)
        return spread.transpose(1, 2).reshape(query.shape[0], heads.shape[0], keys.shape[2])


PLAIN: Operations = PlainOperations()


def _product(x: Tensor, weight: Tensor, scales: Tensor | None) -> Tensor:
    """Return x · weightᵀ in float32."""
    # cuBLAS adds halves up in float32 by itself, and widened weights would be twice the bytes to read.
    wide = x if x.is_cuda else x.float()
    # Scaled before they are multiplied: sums of whole numbers may be more than float16 holds.
    weight = weight if scales is None else weight * scales[:, None]
    return F.linear(wide, weight.to(wide.dtype)).float()


def _spread(query: Tensor, keys: Tensor, lengths: Tensor) -> Tensor:
    """Return attention probabilities, float32 [k, heads, beams, n] when query is [k × beams, heads, d]."""
    k, heads, places, width = keys.shape
    by_window = query.reshape(k, -1, heads, width).transpose(1, 2)
    scores = by_window.float() @ keys.float().transpose(2, 3) / math.sqrt(width)
    unseen = torch.arange(places, device=keys.device) >= lengths[:, None, None, None]
    # Zero, not no number, where a window shows nothing.
    return scores.masked_fill(unseen, -math.inf).softmax(-1).masked_fill(unseen, 0.0)


def _gathered(cache: Tensor, rows: Tensor) -> Tensor:
    """Return the cache as each row's history reads it, [b, heads, n, d]."""
    places = torch.arange(cache.shape[2], device=cache.device)
    return cache[rows.long(), :, places].transpose(1, 2)

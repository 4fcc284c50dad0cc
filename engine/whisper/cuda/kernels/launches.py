"""`Operations` as launches of the Triton kernels.

A call is one launch, or two where what was split must meet. Results and the sums between the two launches come from
torch's allocator, which a captured graph keeps for itself; nothing here waits for the device.
"""

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor

from engine.whisper.cuda.kernels import attention, matrices
from engine.whisper.cuda.kernels.blocks import LANES, AttentionBlocks, MatrixBlocks, power_of_two
from engine.whisper.cuda.kernels.operations import NORM_EPS, PLAIN, NormWeights, Operations

_SCORED = 128  # places that a program of `score` scores
_LOG2_E = 1.4426950408889634  # GPUs have 2^x, not e^x

Launch = Callable[..., None]


def launch(
    kernel: Any, grid: tuple[int, ...], arguments: tuple[Any, ...], constants: Mapping[str, Any], **options: int
) -> None:
    """Start a kernel on the current stream.

    Args:
        kernel: Of Triton.
        grid: Programs, up to three axes.
        arguments: Tensors, numbers, or None where a tensor is missing.
        constants: What the kernel is compiled for, by name.
        options: `num_warps`, `num_stages`, `maxnreg`.
    """
    kernel[grid](*arguments, **constants, **options)


class KernelOperations:
    """`Operations` on an NVIDIA GPU (or, slowly, in Triton's interpreter).

    Args:
        start: Starts a kernel; a record of what would be started can stand in its place.
        capability: Of the chip, such as 90; without one it is asked of the tensors' device.
    """

    def __init__(self, start: Launch = launch, capability: int | None = None) -> None:
        self._start = start
        self._capability = capability

    def attend(
        self, query: Tensor, keys: Tensor, values: Tensor, lengths: Tensor, rows: Tensor | None = None
    ) -> Tensor:
        """Return what each row's query finds (see `Operations`): one launch for short caches, else two."""
        b, heads, d = query.shape
        k, n = (b, keys.shape[2]) if rows is not None else (keys.shape[0], keys.shape[2])
        cut = AttentionBlocks.of(b // k, k * heads, n)
        found = query.new_empty(b, heads, d)
        split = cut.splits > 1
        partial = query.new_empty(b, heads, cut.splits, d, dtype=torch.float32) if split else found
        highest, total = query.new_empty(2, b, heads, cut.splits, dtype=torch.float32) if split else (None, None)
        self._start(
            attention.attend,
            (cut.splits, heads, k),
            (
                *(query, keys, values, lengths, rows, partial, highest, total),
                *query.stride()[:2],
                *keys.stride()[:3],
                *values.stride()[:3],
                0 if rows is None else rows.stride(0),
                _LOG2_E / math.sqrt(d),
            ),
            {
                "BEAMS": b // k,
                "LANES": cut.lanes,
                "SPLITS": cut.splits,
                "SPAN": cut.span,
                "BLOCK": cut.places,
                "D": d,
            },
            **_options(cut),
        )
        if split:
            self._start(
                attention.meet,
                (b * heads,),
                (partial, highest, total, found),
                {"SPLITS": cut.splits, "PADDED": power_of_two(cut.splits), "D": d},
                num_warps=2,
            )
        return found

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
        """Project, and write key and value into the cache (see `Operations`): one launch for few rows."""
        b, width = x.shape
        if b > 1 and norm is not None:
            _, x = self.add_norm(x, None, *norm)
            norm = None
        if b > self._most_rows(x):
            return PLAIN.qkv(x, weight, bias, keys, values, places, scales=scales)
        _, heads, _, d = keys.shape
        query = x.new_empty(b, heads, d)
        cut = MatrixBlocks.of(b, 3 * width, width)
        self._start(
            matrices.qkv,
            (cut.programs(3 * width),),
            (
                *(x, weight, bias, scales, *(norm or (None, None)), places, query, keys, values, b, x.stride(0)),
                *keys.stride()[:3],
                *values.stride()[:3],
                NORM_EPS,
            ),
            {"WIDTH": width, "D": d, "WIDE": power_of_two(width), **_blocks(cut)},
            **_options(cut),
        )
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
        """Return x · weightᵀ + bias, through GELU, plus the residual (see `Operations`): one launch for few rows."""
        outs, ins = weight.shape
        b = x.numel() // ins
        if b > 1 and norm is not None:
            _, x = self.add_norm(x, None, *norm)
            norm = None
        if b > self._most_rows(x):
            return PLAIN.linear(x, weight, bias, gelu=gelu, residual=residual, scales=scales)
        given = x.reshape(-1, ins)
        added = None if residual is None else residual.reshape(-1, outs)
        found = x.new_empty(*x.shape[:-1], outs)
        cut = MatrixBlocks.of(b, outs, ins)
        self._start(
            matrices.linear,
            (cut.programs(outs),),
            (
                *(given, weight, bias, added, scales, *(norm or (None, None)), found, b, given.stride(0)),
                0 if added is None else added.stride(0),
                NORM_EPS,
            ),
            {"OUT": outs, "IN": ins, "GELU": gelu, "WIDE": power_of_two(ins), **_blocks(cut)},
            **_options(cut),
        )
        return found

    def add_norm(self, x: Tensor, delta: Tensor | None, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum and its LayerNorm (see `Operations`): one launch."""
        width = x.shape[-1]
        x = x.contiguous()
        added = x if delta is None else torch.empty_like(x)
        normal = torch.empty_like(x)
        self._start(
            matrices.add_norm,
            (x.numel() // width,),
            (x, None if delta is None else delta.contiguous(), weight, bias, added, normal, NORM_EPS),
            {"WIDTH": width, "BLOCK": power_of_two(width)},
            num_warps=4,
        )
        return added, normal

    def best_token(
        self, hidden: Tensor, embedding: Tensor, forbidden: Tensor, *, scales: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the likeliest allowed token of each row and its log-probability (see `Operations`): two launches."""
        b, width = hidden.shape
        if b > 1 and self._most_rows(hidden) == 1:
            return PLAIN.best_token(hidden, embedding, forbidden, scales=scales)
        outs = embedding.shape[0]
        cut = MatrixBlocks.of(b, outs, width)
        blocks = cut.programs(outs)
        highest, total = hidden.new_empty(2, b, blocks, dtype=torch.float32)
        tokens = hidden.new_empty(b, blocks, dtype=torch.int32)
        token, logprob = hidden.new_empty(b, dtype=torch.int64), hidden.new_empty(b, dtype=torch.float32)
        self._start(
            matrices.best_of_block,
            (-(-b // cut.lanes), blocks),
            (
                *(hidden, embedding, forbidden.view(torch.uint8), scales, highest, total, tokens),
                *(b, hidden.stride(0), forbidden.stride(0) if forbidden.ndim == 2 else 0),
            ),
            {"OUT": outs, "IN": width, **_blocks(cut)},
            **_options(cut),
        )
        self._start(
            matrices.best_of_blocks,
            (b,),
            (highest, total, tokens, token, logprob),
            {"BLOCKS": blocks, "PADDED": power_of_two(blocks)},
            num_warps=8,
        )
        return token, logprob

    def weights_of(self, query: Tensor, keys: Tensor, heads: Tensor, lengths: Tensor) -> Tensor:
        """Return how some heads spread their attention (see `Operations`): two launches."""
        b, _, d = query.shape
        n, chosen = keys.shape[2], heads.shape[0]
        blocks = -(-n // _SCORED)
        scores = query.new_empty(b, chosen, n, dtype=torch.float32)
        highest, total = query.new_empty(2, b, chosen, blocks, dtype=torch.float32)
        self._start(
            attention.score,
            (blocks, chosen, b),
            (
                *(query, keys, heads, lengths, scores, highest, total),
                *query.stride()[:2],
                *keys.stride()[:3],
                *(n, _LOG2_E / math.sqrt(d)),
            ),
            {"BEAMS": b // keys.shape[0], "BLOCK": _SCORED, "D": d},
            num_warps=4,
        )
        self._start(
            attention.spread,
            (blocks, b * chosen),
            (scores, highest, total, n),
            {"BLOCKS": blocks, "PADDED": power_of_two(blocks), "BLOCK": _SCORED},
            num_warps=4,
        )
        return scores

    def _most_rows(self, x: Tensor) -> int:
        """Return the rows up to which our products are the better ones."""
        capability = self._capability or _capability(x.device)
        # Tensor cores take no float32, and Triton 3.9 does not use Turing's; NVIDIA's library does what is best there.
        return LANES if capability >= 80 and x.dtype != torch.float32 else 1


KERNELS: Operations = KernelOperations()


@cache
def _capability(device: torch.device) -> int:
    if device.type != "cuda":
        return 80
    major, minor = torch.cuda.get_device_capability(device)
    return int(10 * major + minor)


def _blocks(cut: MatrixBlocks) -> dict[str, int]:
    return {"LANES": cut.lanes, "BLOCK_OUT": cut.outs, "BLOCK_IN": cut.ins}


def _options(cut: MatrixBlocks | AttentionBlocks) -> dict[str, int]:
    return {"num_warps": cut.warps, "num_stages": cut.stages, "maxnreg": cut.registers}

"""When each token was said, from the attention of the alignment heads (openai/whisper, `timing.py`).

What can be done for all tokens at once is done on the device, where it can be captured; the path of dynamic time
warping, which goes step by step, is found on the host in the matrix that is read once.
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MEDIAN = 7  # positions


def smoothed(attention: Tensor, tokens: Tensor, heard: Tensor) -> Tensor:
    """Return how much more than usual each token attends to each position, the mean of the heads.

    Each head is softmax over what was heard alone, then the distance from the mean of all tokens in standard
    deviations, then a running median, reflected at the edges.

    Args:
        attention: float32 [k, heads, n, positions], probabilities.
        tokens: int64 [k], so many of the n are real.
        heard: int64 [k], so many of the positions are; at least 4.

    Returns:
        float32 [k, n, positions]; what stands behind `tokens` and `heard` says nothing.
    """
    place = torch.arange(attention.shape[3], device=attention.device)
    inside = (place < heard[:, None])[:, None, None]
    real = (torch.arange(attention.shape[2], device=attention.device) < tokens[:, None])[:, None, :, None]
    share = attention.masked_fill(~inside, 0.0)
    share = (share / share.sum(3, keepdim=True)).masked_fill(~real, 0.0)
    count = tokens[:, None, None, None]
    mean = share.sum(2, keepdim=True) / count
    spread = ((share - mean).square().masked_fill(~real, 0.0).sum(2, keepdim=True) / count).sqrt()
    # Nothing was seen of what lies behind; 0 / 0 there would be no number, which a median may not meet.
    unusual = torch.where(inside, (share - mean) / spread, 0.0)

    away = torch.arange(-(MEDIAN // 2), MEDIAN // 2 + 1, device=attention.device)
    near = (place[:, None] + away).abs()
    last = heard[:, None, None] - 1
    near = torch.where(near > last, 2 * last - near, near).clamp(min=0)  # [k, positions, 7]
    windows = torch.take_along_dim(unusual[..., None], near[:, None, None], 3)
    return windows.median(4).values.mean(1)


def onsets(matrix: NDArray[Any]) -> list[int]:
    """Return at which position the path of dynamic time warping through most attention reaches each token.

    The cost of a row, c[j] = x[j] + min(a[j], c[j - 1]) with a[j] the cheaper way from the row above, is a running
    minimum once the sum of x so far is taken off: a row at a time, no loop over positions.

    Args:
        matrix: float [tokens, positions].
    """
    tokens, positions = matrix.shape
    price = -np.asarray(matrix, np.float64)
    above = np.full(positions + 1, math.inf)  # cost of the row above, from one position before the first
    above[0] = 0.0
    # From here the path comes from the row above, straight or aslant, and no more from the left.
    entered = np.zeros((tokens, positions), bool)
    aslant = np.zeros((tokens, positions), bool)
    for row in range(tokens):
        cost = np.full(positions + 1, math.inf)
        so_far = np.cumsum(price[row])
        cheapest = np.minimum(above[:-1], above[1:])
        cost[1:] = so_far + np.minimum.accumulate(cheapest - so_far + price[row])
        aslant[row] = (above[:-1] < above[1:]) & (above[:-1] < cost[:-1])
        entered[row] = aslant[row] | ((above[1:] < above[:-1]) & (above[1:] < cost[:-1]))
        above = cost
    found = [0] * tokens
    position = positions - 1
    for row in range(tokens - 1, 0, -1):
        ways = np.flatnonzero(entered[row, : position + 1])
        position = int(ways[-1]) if len(ways) else 0
        found[row] = position
        position -= int(aslant[row, position])
    return found

"""Beam search as openai/whisper does it (`decoding.py`, BeamSearchDecoder, patience 1), as tensors of one size.

A step looks at the `beams + 1` likeliest continuations of every beam. Those that end are kept aside if they are
likelier than the last continuation that goes on; a window is finished when as many have ended as there are beams. Of
all, the one of the highest mean log-probability is chosen, the end counted as openai counts it: in the sum, not in the
length.

A beam that takes over another's history moves no keys and values: `rows` says in which row of the cache the key of each
place stands, and goes with the history.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Beams:
    """What k windows of m beams have written so far.

    Attributes:
        tokens: int64 [k, m, t], from the prompt on.
        rows: int32 [k, m, t]: the row of the cache that holds the key of each place.
        places: int64 [k], of the last token that stands.
        scores: float32 [k, m], log-probability of all that was written.
        done: int64 [k], how many have ended.
        done_tokens: int64 [k, m + 1, t]; the last of the m + 1 holds nothing that is kept.
        done_lengths: int64 [k, m + 1], tokens written before the end.
        done_scores: float32 [k, m + 1].
    """

    tokens: Tensor
    rows: Tensor
    places: Tensor
    scores: Tensor
    done: Tensor
    done_tokens: Tensor
    done_lengths: Tensor
    done_scores: Tensor

    def tensors(self) -> tuple[Tensor, ...]:
        """Return all of them; each begins with the windows."""
        return (
            self.tokens,
            self.rows,
            self.places,
            self.scores,
            self.done,
            self.done_tokens,
            self.done_lengths,
            self.done_scores,
        )


def begun(tokens: Tensor, begins: Tensor, first_rows: Tensor, beams: int) -> Beams:
    """Return beams that have written nothing; all but the first are impossible, so that the first one is spread.

    Args:
        tokens: int64 [k, t]: what is told.
        begins: int64 [k]: the place of the first token that will be written.
        first_rows: int64 [k]: the row of the cache that holds the keys of what is told.
        beams: How many.
    """
    k, t = tokens.shape
    first = torch.arange(beams, device=tokens.device) == 0
    scores = torch.where(first, 0.0, -math.inf).expand(k, beams).contiguous()
    zeros = torch.zeros((k, beams + 1), dtype=torch.int64, device=tokens.device)
    return Beams(
        tokens[:, None].expand(k, beams, t).contiguous(),
        first_rows.to(torch.int32)[:, None, None].expand(k, beams, t).contiguous(),
        begins - 1,
        scores,
        zeros[:, 0].clone(),
        tokens[:, None].expand(k, beams + 1, t).contiguous(),
        zeros,
        torch.full((k, beams + 1), -math.inf, device=tokens.device),
    )


def widened(beams: Beams, logprobs: Tensor, begins: Tensor, first_rows: Tensor, end: int) -> Beams:
    """Return the beams one token on.

    Args:
        beams: As they stand; left as they are.
        logprobs: float32 [k, m, vocabulary]: of the next token.
        begins: As in `begun`.
        first_rows: int64 [k]: the row of the cache that belongs to the first beam of a window.
        end: The token that ends a text.
    """
    k, m, t = beams.tokens.shape
    share, token = logprobs.topk(m + 1, 2)
    score, order = (beams.scores[:, :, None] + share).flatten(1).sort(dim=1, descending=True, stable=True)
    token = token.flatten(1).gather(1, order)
    source = order // (m + 1)
    ends = token == end
    going_before = (~ends).cumsum(1) - (~ends).to(torch.int64)

    best = _first(~ends, m)
    at = (beams.places + 1)[:, None, None].expand(k, m, 1)
    tokens = _taken(beams.tokens, source.gather(1, best)).scatter(2, at, token.gather(1, best)[:, :, None])
    own = first_rows[:, None] + torch.arange(m, device=token.device)
    rows = _taken(beams.rows, source.gather(1, best)).scatter(2, at, own[:, :, None].to(torch.int32))

    ending = _first(ends & (going_before < m), m)
    valid = (ends & (going_before < m)).gather(1, ending)
    slot = beams.done[:, None] + valid.cumsum(1) - 1
    valid = valid & (slot < m)
    slot = torch.where(valid, slot, m)
    history = _taken(beams.tokens, source.gather(1, ending))
    length = (beams.places + 1 - begins)[:, None].expand(k, m)
    return Beams(
        tokens,
        rows,
        beams.places + 1,
        score.gather(1, best),
        beams.done + valid.sum(1),
        beams.done_tokens.scatter(1, slot[:, :, None].expand(k, m, t), history),
        beams.done_lengths.scatter(1, slot, length),
        beams.done_scores.scatter(1, slot, score.gather(1, ending)),
    )


def chosen(beams: Beams, begins: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the best text of each window: its tokens [k, t], how many were written [k], and their score [k].

    Where fewer ended than there are beams, the best of those that did not are as good as ended.
    """
    k, m = beams.scores.shape
    rank = torch.arange(m, device=beams.tokens.device)
    ended = rank < beams.done[:, None]
    counted = rank < (m - beams.done)[:, None]  # beams stand in the order of their scores
    scores = torch.cat(
        [
            beams.done_scores[:, :m].masked_fill(~ended, -math.inf),
            beams.scores.masked_fill(~counted, -math.inf),
        ],
        1,
    )
    unended = (beams.places + 1 - begins)[:, None].expand(k, m)
    lengths = torch.cat([beams.done_lengths[:, :m], unended], 1)
    best = (scores / lengths.clamp(min=1)).argmax(1, keepdim=True)
    texts = torch.cat([beams.done_tokens[:, :m], beams.tokens], 1)
    return _taken(texts, best)[:, 0], lengths.gather(1, best)[:, 0], scores.gather(1, best)[:, 0]


def _first(mask: Tensor, count: int) -> Tensor:
    """Return the indices [k, count] of the first that are true, in order; after them, of any others."""
    places = torch.arange(mask.shape[1], device=mask.device)
    return torch.where(mask, places, places + mask.shape[1]).topk(count, 1, largest=False).indices


def _taken(values: Tensor, index: Tensor) -> Tensor:
    """Return values[i, index[i, j]] as [k, j, t]."""
    return values.gather(1, index[:, :, None].expand(*index.shape, values.shape[2]))

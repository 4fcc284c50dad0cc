"""Triton: attention of one new token per row over a cache, read once.

The floor of each is the bytes of the cache that is seen; a row's query, the sums of the splits and the result are a
thousandth of that. Sums are float32, in an order that depends on nothing but the shape.
"""

import triton
import triton.language as tl

LOWEST = tl.constexpr(-1e30)  # below any score; -inf minus -inf would be no number
LEAST = tl.constexpr(1e-30)  # divides a sum of nothing


@triton.jit
def attend(
    query,
    keys,
    values,
    lengths,
    rows,
    found,
    highest,
    total,
    query_row,
    query_head,
    keys_row,
    keys_head,
    keys_place,
    values_row,
    values_head,
    values_place,
    rows_row,
    scale,
    BEAMS: tl.constexpr,
    LANES: tl.constexpr,
    SPLITS: tl.constexpr,
    SPAN: tl.constexpr,
    BLOCK: tl.constexpr,
    D: tl.constexpr,
):
    """Attend with the queries of one window over one span of one head.

    Moves: SPAN · D · 2 values of the cache, 2 · BEAMS · D of query and result. Grid: (splits, heads, windows). `scale`
    is 1/√d · log₂ e. With SPLITS > 1, `found`, `highest` and `total` are float32 sums for `meet`.
    """
    split = tl.program_id(0)
    head = tl.program_id(1)
    window = tl.program_id(2)
    start = split * SPAN
    stop = tl.minimum(start + SPAN, tl.load(lengths + window))
    dims = tl.arange(0, D)
    lanes = tl.arange(0, LANES)
    of_rows = window * BEAMS + lanes
    live = lanes < BEAMS
    keys += head * keys_head
    values += head * values_head
    query += head * query_head
    if LANES == 1:
        asked = tl.load(query + window * query_row + dims).to(tl.float32) * scale
        # Each place of a step has a softmax of its own; they meet once, at the end, and not at every step.
        top = tl.full([BLOCK], LOWEST, tl.float32)
        weight = tl.zeros([BLOCK], tl.float32)
        sums = tl.zeros([BLOCK, D], tl.float32)
    else:
        asked = tl.load(query + of_rows[:, None] * query_row + dims[None, :], mask=live[:, None], other=0.0)
        top = tl.full([LANES], LOWEST, tl.float32)
        weight = tl.zeros([LANES], tl.float32)
        sums = tl.zeros([LANES, D], tl.float32)
    for first in range(start, stop, BLOCK):
        places = first + tl.arange(0, BLOCK)
        seen = places < stop
        if rows is None:
            row = window.to(tl.int64)
            of_keys = keys + row * keys_row + places * keys_place
            of_values = values + row * values_row + places * values_place
        else:
            row = tl.load(rows + window * rows_row + places, mask=seen, other=0).to(tl.int64)
            of_keys = keys + row * keys_row + places * keys_place
            of_values = values + row * values_row + places * values_place
        key = tl.load(of_keys[:, None] + dims[None, :], mask=seen[:, None], other=0.0)
        value = tl.load(of_values[:, None] + dims[None, :], mask=seen[:, None], other=0.0)
        if LANES == 1:
            scores = tl.where(seen, tl.sum(key.to(tl.float32) * asked[None, :], 1), float("-inf"))
            higher = tl.maximum(top, scores)
            shrink = tl.exp2(top - higher)
            part = tl.exp2(scores - higher)
            weight = weight * shrink + part
            sums = sums * shrink[:, None] + part[:, None] * value.to(tl.float32)
        else:
            scores = tl.dot(asked, tl.trans(key), input_precision="ieee") * scale
            scores = tl.where(seen[None, :], scores, float("-inf"))
            higher = tl.maximum(top, tl.max(scores, 1))
            shrink = tl.exp2(top - higher)
            part = tl.exp2(scores - higher[:, None])
            weight = weight * shrink + tl.sum(part, 1)
            sums = tl.dot(part.to(value.dtype), value, sums * shrink[:, None], input_precision="ieee")
        top = higher
    if LANES == 1:
        peak = tl.max(top, 0)
        share = tl.exp2(top - peak)
        top = tl.full([1], 0.0, tl.float32) + peak
        weight = tl.full([1], 0.0, tl.float32) + tl.sum(weight * share, 0)
        sums = tl.sum(sums * share[:, None], 0)[None, :]
    heads = tl.num_programs(1)
    slots = (of_rows * heads + head) * SPLITS + split
    if SPLITS == 1:
        sums = sums / tl.maximum(weight, LEAST)[:, None]
    else:
        tl.store(highest + slots, top, mask=live)
        tl.store(total + slots, weight, mask=live)
    tl.store(found + slots[:, None] * D + dims[None, :], sums, mask=live[:, None])


@triton.jit
def meet(partial, highest, total, found, SPLITS: tl.constexpr, PADDED: tl.constexpr, D: tl.constexpr):
    """Join what the splits of one head of one row found.

    Moves: SPLITS · (D + 2) float32. Grid: (rows × heads,).
    """
    slot = tl.program_id(0)
    splits = tl.arange(0, PADDED)
    dims = tl.arange(0, D)
    real = splits < SPLITS
    of_splits = slot * SPLITS + splits
    top = tl.load(highest + of_splits, mask=real, other=LOWEST)
    weight = tl.load(total + of_splits, mask=real, other=0.0)
    sums = tl.load(partial + of_splits[:, None] * D + dims[None, :], mask=real[:, None], other=0.0)
    share = tl.exp2(top - tl.max(top, 0))
    weight = tl.sum(weight * share, 0)
    tl.store(found + slot * D + dims, tl.sum(sums * share[:, None], 0) / tl.maximum(weight, LEAST))


@triton.jit
def score(
    query,
    keys,
    chosen,
    lengths,
    scores,
    highest,
    total,
    query_row,
    query_head,
    keys_row,
    keys_head,
    keys_place,
    n,
    scale,
    BEAMS: tl.constexpr,
    BLOCK: tl.constexpr,
    D: tl.constexpr,
):
    """Score one block of places with a chosen head's query of one row, for `spread`.

    Moves: BLOCK · D values of the cache, BLOCK float32 of scores. Grid: (blocks, chosen heads, rows). `scale` is
    1/√d · log₂ e.
    """
    block = tl.program_id(0)
    row = tl.program_id(2)
    window = row // BEAMS
    slot = row * tl.num_programs(1) + tl.program_id(1)
    head = tl.load(chosen + tl.program_id(1))
    dims = tl.arange(0, D)
    places = block * BLOCK + tl.arange(0, BLOCK)
    seen = places < tl.load(lengths + window)
    asked = tl.load(query + row * query_row + head * query_head + dims).to(tl.float32) * scale
    of_keys = keys + window.to(tl.int64) * keys_row + head * keys_head + places * keys_place
    key = tl.load(of_keys[:, None] + dims[None, :], mask=seen[:, None], other=0.0)
    scored = tl.where(seen, tl.sum(key.to(tl.float32) * asked[None, :], 1), float("-inf"))
    top = tl.maximum(tl.max(scored, 0), LOWEST)
    tl.store(scores + slot * n + places, scored, mask=places < n)
    tl.store(highest + slot * tl.num_programs(0) + block, top)
    tl.store(total + slot * tl.num_programs(0) + block, tl.sum(tl.exp2(scored - top), 0))


@triton.jit
def spread(scores, highest, total, n, BLOCKS: tl.constexpr, PADDED: tl.constexpr, BLOCK: tl.constexpr):
    """Turn one block of scores into probabilities, in place.

    Moves: 2 · BLOCK + 2 · BLOCKS float32. Grid: (blocks, rows × chosen heads).
    """
    block = tl.program_id(0)
    slot = tl.program_id(1)
    blocks = tl.arange(0, PADDED)
    real = blocks < BLOCKS
    tops = tl.load(highest + slot * BLOCKS + blocks, mask=real, other=LOWEST)
    parts = tl.load(total + slot * BLOCKS + blocks, mask=real, other=0.0)
    top = tl.max(tops, 0)
    weight = tl.maximum(tl.sum(parts * tl.exp2(tops - top), 0), LEAST)
    places = block * BLOCK + tl.arange(0, BLOCK)
    scored = tl.load(scores + slot * n + places, mask=places < n, other=float("-inf"))
    tl.store(scores + slot * n + places, tl.exp2(scored - top) / weight, mask=places < n)

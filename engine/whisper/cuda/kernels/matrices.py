"""Triton: the matrices of a token step, each weight read once, and the LayerNorm between them.

For a few rows the floor is the bytes of the weight. One row is multiplied and added up lane by lane, with all of a
program's loads in flight; up to sixteen share the weight through a tensor core. Sums are float32, in an order that
depends on nothing but the shape.
"""

import triton
import triton.language as tl

LOWEST = tl.constexpr(-1e30)  # below any logit; -inf minus -inf would be no number


@triton.jit
def _times(
    x, weight, scales, gain, shift, outs, of_rows, live, x_row, eps,
    OUT: tl.constexpr, IN: tl.constexpr, LANES: tl.constexpr, BLOCK_OUT: tl.constexpr, BLOCK_IN: tl.constexpr,
    WIDE: tl.constexpr,
):  # fmt: skip
    """Return x · weightᵀ for some outputs, float32 [LANES, BLOCK_OUT]; of the LayerNorm of x, where it has a gain.

    Every program takes the norm of its one row by itself: the row is in the cache, and another launch takes longer.
    """
    held = tl.minimum(outs, OUT - 1)  # the last block reads its last row again, rather than testing every load
    if LANES == 1:
        partial = tl.zeros([BLOCK_OUT, BLOCK_IN], tl.float32)
        # Each lane loads the x of the weights it holds, again for each of their rows: it comes from the nearest cache,
        # while an x in a layout of its own would be carried through shared memory, with two barriers at every step.
        x += tl.sum(of_rows, 0) * x_row
        of_x = x + held[:, None] * 0
        of_weight = weight + held[:, None] * IN
        if gain is not None:
            of_gain, of_shift = gain + held[:, None] * 0, shift + held[:, None] * 0
            every = tl.arange(0, WIDE)
            row = tl.load(x + every, mask=every < IN, other=0.0).to(tl.float32)
            mean = tl.sum(row, 0) / IN
            apart = tl.where(every < IN, row - mean, 0.0)
            scale = tl.rsqrt(tl.sum(apart * apart, 0) / IN + eps)
        for start in tl.static_range(0, IN, BLOCK_IN):  # unrolled: the loads are on their way before the sums
            ins = (start + tl.arange(0, BLOCK_IN))[None, :]
            if start + BLOCK_IN <= IN:
                stored = tl.load(of_weight + ins)
                given = tl.load(of_x + ins)
                if gain is not None:
                    normal = (given.to(tl.float32) - mean) * scale * tl.load(of_gain + ins).to(tl.float32)
                    given = (normal + tl.load(of_shift + ins).to(tl.float32)).to(given.dtype)
            else:
                real = ins < IN
                stored = tl.load(of_weight + ins, mask=real, other=0)
                given = tl.load(of_x + ins, mask=real, other=0.0)
                if gain is not None:
                    factor = tl.load(of_gain + ins, mask=real, other=0.0).to(tl.float32)
                    normal = (given.to(tl.float32) - mean) * scale * factor
                    given = (normal + tl.load(of_shift + ins, mask=real, other=0.0).to(tl.float32)).to(given.dtype)
            partial += stored.to(tl.float32) * given.to(tl.float32)
        found = tl.sum(partial, 1)[None, :]
    else:
        found = tl.zeros([LANES, BLOCK_OUT], tl.float32)
        for start in range(0, IN, BLOCK_IN):
            ins = start + tl.arange(0, BLOCK_IN)
            real = ins < IN
            given = tl.load(x + of_rows[:, None] * x_row + ins[None, :], mask=live[:, None] & real[None, :], other=0.0)
            stored = tl.load(weight + held[:, None] * IN + ins[None, :], mask=real[None, :], other=0)
            found = tl.dot(given, tl.trans(stored.to(given.dtype)), found, input_precision="ieee")
    if scales is not None:
        found *= tl.load(scales + held)[None, :]
    return found


@triton.jit
def linear(
    x, weight, bias, residual, scales, gain, shift, found, rows, x_row, residual_row, eps,
    OUT: tl.constexpr, IN: tl.constexpr, GELU: tl.constexpr,
    LANES: tl.constexpr, BLOCK_OUT: tl.constexpr, BLOCK_IN: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Multiply with some rows of a weight, then bias, GELU, residual.

    Moves: BLOCK_OUT · IN values of the weight, LANES · IN of x. Grid: (blocks of outputs,).
    """
    outs = tl.program_id(0) * BLOCK_OUT + tl.arange(0, BLOCK_OUT)
    of_rows = tl.arange(0, LANES)
    live = of_rows < rows
    inside = outs < OUT
    mask = live[:, None] & inside[None, :]
    # What is added is on its way before the weight is: behind the sums it would be waited for once more.
    if bias is not None:
        added_bias = tl.load(bias + outs, mask=inside, other=0.0).to(tl.float32)
    if residual is not None:
        added = tl.load(residual + of_rows[:, None] * residual_row + outs[None, :], mask=mask, other=0.0)
    total = _times(
        x, weight, scales, gain, shift, outs, of_rows, live, x_row, eps, OUT, IN, LANES, BLOCK_OUT, BLOCK_IN, WIDE
    )
    if bias is not None:
        total += added_bias[None, :]
    if GELU:
        total = 0.5 * total * (1.0 + tl.erf(total * 0.7071067811865476))
    if residual is not None:
        total += added.to(tl.float32)
    tl.store(found + of_rows[:, None] * OUT + outs[None, :], total, mask=mask)


@triton.jit
def qkv(
    x, weight, bias, scales, gain, shift, places, query, keys, values, rows, x_row,
    keys_row, keys_head, keys_place, values_row, values_head, values_place, eps,
    WIDTH: tl.constexpr, D: tl.constexpr,
    LANES: tl.constexpr, BLOCK_OUT: tl.constexpr, BLOCK_IN: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Multiply with some rows of the stacked weight, into the query or straight into the cache.

    Moves: BLOCK_OUT · WIDTH values of the weight, LANES · WIDTH of x. Grid: (blocks of 3 · WIDTH outputs,). A block
    lies within a head, for BLOCK_OUT divides D.
    """
    first = tl.program_id(0) * BLOCK_OUT
    outs = first + tl.arange(0, BLOCK_OUT)
    of_rows = tl.arange(0, LANES)
    live = of_rows < rows
    mask = live[:, None] & (outs >= 0)[None, :]
    place = tl.load(places + of_rows, mask=live, other=0)
    added_bias = tl.load(bias + outs).to(tl.float32)
    total = _times(
        x, weight, scales, gain, shift, outs, of_rows, live, x_row, eps,
        3 * WIDTH, WIDTH, LANES, BLOCK_OUT, BLOCK_IN, WIDE,
    )  # fmt: skip
    total += added_bias[None, :]
    part = first // WIDTH
    within = outs - part * WIDTH
    if part == 0:
        tl.store(query + of_rows[:, None] * WIDTH + within[None, :], total, mask=mask)
    else:
        head = (first - part * WIDTH) // D
        dims = within - head * D
        if part == 1:
            at = of_rows * keys_row + head * keys_head + place * keys_place
            tl.store(keys + at[:, None] + dims[None, :], total, mask=mask)
        else:
            at = of_rows * values_row + head * values_head + place * values_place
            tl.store(values + at[:, None] + dims[None, :], total, mask=mask)


@triton.jit
def add_norm(
    x, delta, weight, bias, added, normal, eps, WIDTH: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """Add two rows and normalise the sum.

    Moves: at most 6 · WIDTH values. Grid: (rows,).
    """
    row = tl.program_id(0).to(tl.int64) * WIDTH
    dims = tl.arange(0, BLOCK)
    real = dims < WIDTH
    held = tl.load(x + row + dims, mask=real, other=0.0)
    if delta is not None:
        held = (held.to(tl.float32) + tl.load(delta + row + dims, mask=real, other=0.0).to(tl.float32)).to(held.dtype)
        tl.store(added + row + dims, held, mask=real)
    wide = held.to(tl.float32)
    mean = tl.sum(wide, 0) / WIDTH
    apart = tl.where(real, wide - mean, 0.0)
    scale = tl.rsqrt(tl.sum(apart * apart, 0) / WIDTH + eps)
    gain = tl.load(weight + dims, mask=real, other=0.0).to(tl.float32)
    shift = tl.load(bias + dims, mask=real, other=0.0).to(tl.float32)
    tl.store(normal + row + dims, apart * scale * gain + shift, mask=real)


@triton.jit
def best_of_block(
    hidden, embedding, forbidden, scales, highest, total, tokens, rows, hidden_row, forbidden_row,
    OUT: tl.constexpr, IN: tl.constexpr,
    LANES: tl.constexpr, BLOCK_OUT: tl.constexpr, BLOCK_IN: tl.constexpr,
):  # fmt: skip
    """Find the best token of one block of the vocabulary, and the block's share of the softmax.

    Moves: BLOCK_OUT · IN values of the embedding. Grid: (groups of rows, blocks), the groups of a block one after
    another, so that it is in the cache for all but the first.
    """
    block = tl.program_id(1)
    outs = block * BLOCK_OUT + tl.arange(0, BLOCK_OUT)
    of_rows = tl.program_id(0) * LANES + tl.arange(0, LANES)
    live = of_rows < rows
    within = live[:, None] & (outs < OUT)[None, :]
    barred = tl.load(forbidden + of_rows[:, None] * forbidden_row + outs[None, :], mask=within, other=1)
    logits = _times(
        hidden, embedding, scales, None, None, outs, of_rows, live, hidden_row, 0.0,
        OUT, IN, LANES, BLOCK_OUT, BLOCK_IN, 1,
    )  # fmt: skip
    logits = tl.where(barred != 0, float("-inf"), logits)
    peak = tl.max(logits, 1)
    first = tl.min(tl.where(logits == peak[:, None], outs[None, :], OUT), 1)
    top = tl.maximum(peak, LOWEST)
    slots = of_rows * tl.num_programs(1) + block
    tl.store(highest + slots, top, mask=live)
    tl.store(total + slots, tl.sum(tl.exp(logits - top[:, None]), 1), mask=live)
    tl.store(tokens + slots, first, mask=live)


@triton.jit
def best_of_blocks(
    highest, total, tokens, token, logprob, BLOCKS: tl.constexpr, PADDED: tl.constexpr
):  # fmt: skip
    """Choose among the best of the blocks.

    Moves: 3 · BLOCKS values of 4 bytes. Grid: (rows,).
    """
    row = tl.program_id(0)
    blocks = tl.arange(0, PADDED)
    real = blocks < BLOCKS
    tops = tl.load(highest + row * BLOCKS + blocks, mask=real, other=LOWEST)
    parts = tl.load(total + row * BLOCKS + blocks, mask=real, other=0.0)
    firsts = tl.load(tokens + row * BLOCKS + blocks, mask=real, other=0x7FFFFFFF)
    peak = tl.max(tops, 0)
    weight = tl.sum(parts * tl.exp(tops - peak), 0)
    allowed = peak > LOWEST
    best = tl.min(tl.where(tops == peak, firsts, 0x7FFFFFFF), 0)
    tl.store(token + row, tl.where(allowed, best, 0).to(tl.int64))
    tl.store(logprob + row, tl.where(allowed, -tl.log(tl.maximum(weight, 1.0)), float("-inf")))

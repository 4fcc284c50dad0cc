"""Every kernel equals its twin in plain torch, in Triton's interpreter. `test_kernels.py` runs this file.

The interpreter knows no bfloat16 product (it multiplies the bits): bfloat16 is tried where nothing passes through one.
"""

import math
import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

if os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("runs in the interpreter only (test_kernels.py)", allow_module_level=True)

from engine.whisper.cuda.checkup import TOLERANCE, check_numbers
from engine.whisper.cuda.device.host import HostDevice
from engine.whisper.cuda.kernels.launches import KERNELS
from engine.whisper.cuda.kernels.operations import PLAIN
from tests.engine.whisper.cuda.made_up import checkpoint

# Both add up in float32, in another order: what differs is the last bit of the result's type.
LAST_BITS = {torch.float32: 2e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}

seeds = st.integers(0, 2**32)
halves = st.sampled_from([torch.float16, torch.float32])
floats = st.sampled_from([torch.float16, torch.bfloat16, torch.float32])
widths = st.sampled_from([64, 128, 192, 384, 512])
cases = settings(max_examples=4, deadline=None, database=None)


def equal(found, expected, dtype):
    for one, other in zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]:
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        torch.testing.assert_close(one.float(), other.float(), atol=LAST_BITS[dtype], rtol=LAST_BITS[dtype])


def weights(make, outs, ins, dtype, is_int8):
    """Return a weight and its scales, if it has any, whose products are about one."""
    if is_int8:
        return (
            torch.randint(-127, 128, (outs, ins), generator=make, dtype=torch.int8),
            torch.rand(outs, generator=make) / (127 * math.sqrt(ins)),
        )
    return (torch.randn(outs, ins, generator=make) / math.sqrt(ins)).to(dtype), None


def norm_of(make, width, dtype):
    """Return weight and bias of a LayerNorm."""
    return tuple(torch.randn(2, width, generator=make).to(dtype))


def caches(make, rows, heads, n, dtype, is_view):
    """Return keys and values, whole or as the first places of a larger cache."""
    whole = torch.randn(2, rows, heads, n + 9 if is_view else n, 64, generator=make).to(dtype)
    return whole[0, :, :, :n], whole[1, :, :, :n]


@cases
@given(
    seeds,
    floats,
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from([1, 2, 63, 64, 65, 129, 448, 600, 1500]),
    st.booleans(),
)
def test_one_query_a_window(seed, dtype, k, heads, n, is_view):
    make = torch.Generator().manual_seed(seed)
    query = torch.randn(k, heads, 64, generator=make).to(dtype)
    keys, values = caches(make, k, heads, n, dtype, is_view)
    lengths = torch.randint(0, n + 1, (k,), generator=make, dtype=torch.int32)
    equal(KERNELS.attend(query, keys, values, lengths), PLAIN.attend(query, keys, values, lengths), dtype)


@pytest.mark.parametrize("length", [0, 1, 1499, 1500])
@pytest.mark.parametrize("beams", [1, 5])
def test_a_cache_seen_to_its_edges(beams, length):
    make = torch.Generator().manual_seed(length)
    query = torch.randn(beams, 2, 64, generator=make)
    keys, values = caches(make, 1, 2, 1500, torch.float32, is_view=False)
    lengths = torch.tensor([length], dtype=torch.int32)
    equal(KERNELS.attend(query, keys, values, lengths), PLAIN.attend(query, keys, values, lengths), torch.float32)


@cases
@given(
    seeds,
    halves,
    st.integers(1, 2),
    st.integers(2, 5) | st.just(20),
    st.sampled_from([1, 64, 100, 448, 600, 1500]),
    st.booleans(),
)
def test_the_beams_of_a_window_read_its_keys_together(seed, dtype, k, beams, n, is_view):
    make = torch.Generator().manual_seed(seed)
    query = torch.randn(k * beams, 2, 64, generator=make).to(dtype)
    keys, values = caches(make, k, 2, n, dtype, is_view)
    lengths = torch.randint(0, n + 1, (k,), generator=make, dtype=torch.int32)
    equal(KERNELS.attend(query, keys, values, lengths), PLAIN.attend(query, keys, values, lengths), dtype)


@cases
@given(seeds, floats, st.integers(1, 5), st.sampled_from([1, 5, 64, 200, 448]), st.booleans())
def test_a_beam_whose_history_lies_in_other_rows(seed, dtype, b, n, is_view):
    make = torch.Generator().manual_seed(seed)
    query = torch.randn(b, 2, 64, generator=make).to(dtype)
    cache = caches(make, b, 2, n, dtype, is_view)
    lengths = torch.randint(0, n + 1, (b,), generator=make, dtype=torch.int32)
    rows = torch.randint(0, b, (b, n), generator=make, dtype=torch.int32)
    equal(KERNELS.attend(query, *cache, lengths, rows), PLAIN.attend(query, *cache, lengths, rows), dtype)


@cases
@given(
    seeds,
    floats,
    st.integers(1, 2),
    st.integers(1, 5),
    st.sampled_from([1, 127, 128, 129, 700, 1500]),
    st.lists(st.integers(0, 3), min_size=1, max_size=5),
)
def test_the_weights_of_some_heads(seed, dtype, k, beams, n, heads):
    make = torch.Generator().manual_seed(seed)
    query = torch.randn(k * beams, 4, 64, generator=make).to(dtype)
    keys, _ = caches(make, k, 4, n, dtype, is_view=True)
    lengths = torch.randint(0, n + 1, (k,), generator=make, dtype=torch.int32)
    told = query, keys, torch.tensor(heads), lengths
    equal(KERNELS.weights_of(*told), PLAIN.weights_of(*told), torch.float32)


def product_in_dtype(rows, dtype):
    """Keep products of several rows to the type whose product is ours and known to the interpreter."""
    return torch.float16 if rows > 1 else dtype


@cases
@given(
    seeds,
    floats,
    st.integers(1, 18),
    widths | st.integers(1, 300),
    st.integers(1, 300),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_linear(seed, dtype, b, ins, outs, is_int8, biased, gelu, added, normed):
    make = torch.Generator().manual_seed(seed)
    dtype = product_in_dtype(b, dtype)
    x, residual = torch.randn(b, ins, generator=make).to(dtype), torch.randn(b, outs, generator=make).to(dtype)
    weight, scales = weights(make, outs, ins, dtype, is_int8)
    bias = torch.randn(outs, generator=make).to(dtype) if biased else None
    norm = norm_of(make, ins, dtype) if normed else None
    how = {"norm": norm, "gelu": gelu, "residual": residual if added else None, "scales": scales}
    equal(KERNELS.linear(x, weight, bias, **how), PLAIN.linear(x, weight, bias, **how), dtype)


def test_linear_over_more_axes_and_a_strided_input():
    make = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, 256, generator=make)[:, ::2, :128]
    weight, _ = weights(make, 24, 128, torch.float32, is_int8=False)
    equal(KERNELS.linear(x, weight, None), PLAIN.linear(x, weight, None), torch.float32)
    equal(KERNELS.linear(x[0], weight, None), PLAIN.linear(x[0], weight, None), torch.float32)


@cases
@given(seeds, floats, st.integers(1, 17), st.integers(1, 6), st.booleans(), st.booleans(), st.booleans())
def test_key_and_value_go_into_the_cache(seed, dtype, b, heads, is_int8, is_view, normed):
    make = torch.Generator().manual_seed(seed)
    dtype = product_in_dtype(b, dtype)
    x = torch.randn(b, 64 * heads, generator=make).to(dtype)
    weight, scales = weights(make, 3 * 64 * heads, 64 * heads, dtype, is_int8)
    bias = torch.randn(3 * 64 * heads, generator=make).to(dtype)
    cache = caches(make, b, heads, 8, dtype, is_view)
    twin = tuple(each.clone() for each in cache)
    places = torch.randint(0, 8, (b,), generator=make)
    how = {"norm": norm_of(make, 64 * heads, dtype) if normed else None, "scales": scales}
    equal(
        KERNELS.qkv(x, weight, bias, *cache, places, **how),
        PLAIN.qkv(x, weight, bias, *twin, places, **how),
        dtype,
    )
    equal(cache, twin, dtype)


@cases
@given(seeds, floats, st.integers(1, 4), widths | st.sampled_from([768, 1024, 1280]), st.booleans())
def test_sum_and_norm(seed, dtype, b, width, added):
    make = torch.Generator().manual_seed(seed)
    x, delta = torch.randn(2, b, width, generator=make).to(dtype)
    weight, bias = torch.randn(2, width, generator=make).to(dtype)
    told = x, delta if added else None, weight, bias
    equal(KERNELS.add_norm(*told), PLAIN.add_norm(*told), dtype)


@cases
@given(
    seeds,
    floats,
    st.integers(1, 18),
    widths,
    st.integers(1, 400),
    st.booleans(),
    st.booleans(),
    st.floats(0, 1),
)
def test_best_token(seed, dtype, b, width, vocabulary, is_int8, shared, share):
    make = torch.Generator().manual_seed(seed)
    dtype = product_in_dtype(b, dtype)
    hidden = torch.randn(b, width, generator=make).to(dtype)
    embedding, scales = weights(make, vocabulary, width, dtype, is_int8)
    forbidden = torch.rand((vocabulary,) if shared else (b, vocabulary), generator=make) < share
    same_best(hidden, embedding, forbidden, scales)


def test_best_token_of_a_vocabulary_in_blocks_as_large_as_a_models():
    vocabulary, make = 16421, torch.Generator().manual_seed(0)  # from 16384 on they are as large
    hidden = torch.randn(1, 64, generator=make).half()
    embedding, scales = weights(make, vocabulary, 64, torch.float16, is_int8=False)
    embedding[-1] = hidden[0]  # the best is the last of all, in a block that is not full
    forbidden = torch.rand(vocabulary, generator=make) < 0.5
    forbidden[-1] = False
    assert int(same_best(hidden, embedding, forbidden, scales)[0]) == vocabulary - 1


def same_best(hidden, embedding, forbidden, scales):
    token, logprob = KERNELS.best_token(hidden, embedding, forbidden, scales=scales)
    twin, twins_logprob = PLAIN.best_token(hidden, embedding, forbidden, scales=scales)
    assert (token.dtype, logprob.dtype) == (twin.dtype, twins_logprob.dtype)
    torch.testing.assert_close(logprob, twins_logprob, atol=1e-4, rtol=1e-4)
    for row in (token != twin).nonzero()[:, 0].tolist():  # equals but for the order of a sum
        logits = embedding[[token[row], twin[row]]].float() @ hidden[row].float()
        logits = logits if scales is None else logits * scales[[token[row], twin[row]]]
        assert float(logits[0]) == pytest.approx(float(logits[1]), abs=1e-5)
    return token


def test_of_equal_tokens_the_first_is_best():
    hidden, embedding = torch.ones(1, 64), torch.ones(200, 64)
    token, _ = KERNELS.best_token(hidden, embedding, torch.arange(200) < 150)
    assert token.tolist() == [150]


def test_a_run_is_like_another_to_the_last_bit():
    make = torch.Generator().manual_seed(0)
    query, lengths = torch.randn(5, 2, 64, generator=make), torch.tensor([1400], dtype=torch.int32)
    cache = caches(make, 1, 2, 1500, torch.float32, is_view=False)
    assert torch.equal(KERNELS.attend(query, *cache, lengths), KERNELS.attend(query, *cache, lengths))


def test_the_self_test_trusts_the_kernels():
    errors = check_numbers(checkpoint(), HostDevice(torch.float32), operations=KERNELS)
    assert max(errors.values()) < TOLERANCE / 1000

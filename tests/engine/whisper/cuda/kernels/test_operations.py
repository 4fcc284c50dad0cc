"""The torch twins do what their names say: compared with torch's own attention, softmax and layers."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from torch.nn import functional  # noqa: E402

from engine.whisper.cuda.kernels.operations import PLAIN  # noqa: E402

FLOATS = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}

seeds = st.integers(0, 2**32)
dtypes = st.sampled_from(sorted(FLOATS, key=str))


def close(found, expected, dtype):
    torch.testing.assert_close(found.float(), expected.float(), atol=FLOATS[dtype], rtol=FLOATS[dtype])


@settings(max_examples=60, deadline=None)
@given(seeds, dtypes, st.integers(1, 3), st.integers(1, 5), st.integers(1, 4), st.integers(1, 70))
def test_attention_sees_what_sdpa_sees_of_the_places_shown(seed, dtype, k, beams, heads, n):
    make = torch.Generator().manual_seed(seed)
    query = torch.randn(k * beams, heads, 64, generator=make).to(dtype)
    keys, values = torch.randn(2, k, heads, n, 64, generator=make).to(dtype)
    lengths = torch.randint(1, n + 1, (k,), generator=make, dtype=torch.int32)
    found = PLAIN.attend(query, keys, values, lengths)
    for row in range(k * beams):
        shown = int(lengths[row // beams])
        seen = [each[row // beams, :, :shown].float() for each in (keys, values)]
        expected = functional.scaled_dot_product_attention(query[row, :, None].float(), *seen)[:, 0]
        close(found[row], expected, dtype)


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 5), st.integers(1, 3), st.integers(1, 40))
def test_a_row_reads_its_history_where_its_rows_say(seed, b, heads, n):
    make = torch.Generator().manual_seed(seed)
    query = torch.randn(b, heads, 64, generator=make)
    keys, values = torch.randn(2, b, heads, n, 64, generator=make)
    lengths = torch.randint(0, n + 1, (b,), generator=make, dtype=torch.int32)
    rows = torch.randint(0, b, (b, n), generator=make, dtype=torch.int32)
    moved = [torch.stack([torch.stack([each[rows[r, j], :, j] for j in range(n)], 1) for r in range(b)])
             for each in (keys, values)]  # fmt: skip
    torch.testing.assert_close(PLAIN.attend(query, keys, values, lengths, rows), PLAIN.attend(query, *moved, lengths))


def test_nothing_seen_is_zero():
    some = torch.randn(2, 3, 7, 64)
    nothing = torch.zeros(2, dtype=torch.int32)
    assert not PLAIN.attend(some[:, :, 0], some, some, nothing).any()
    assert not PLAIN.weights_of(some[:, :, 0], some, torch.tensor([1]), nothing).any()


@settings(max_examples=40, deadline=None)
@given(seeds, dtypes, st.integers(1, 4), st.integers(1, 3))
def test_key_and_value_are_written_at_each_rows_place_and_nowhere_else(seed, dtype, b, heads):
    make = torch.Generator().manual_seed(seed)
    w = heads * 64
    x = torch.randn(b, w, generator=make).to(dtype)
    weight = (torch.randn(3 * w, w, generator=make) / math.sqrt(w)).to(dtype)
    bias = torch.randn(3 * w, generator=make).to(dtype)
    keys, values = torch.zeros(2, b, heads, 9, 64, dtype=dtype)
    places = torch.randint(0, 9, (b,), generator=make)
    query = PLAIN.qkv(x, weight, bias, keys, values, places)
    expected = functional.linear(x.float(), weight.float(), bias.float()).view(b, 3, heads, 64)
    close(query, expected[:, 0], dtype)
    for row, place in enumerate(places.tolist()):
        close(keys[row, :, place], expected[row, 1], dtype)
        close(values[row, :, place], expected[row, 2], dtype)
    rest = torch.arange(9) != places[:, None]
    assert not keys.transpose(1, 2)[rest].any()
    assert not values.transpose(1, 2)[rest].any()


@settings(max_examples=40, deadline=None)
@given(seeds, dtypes, st.integers(1, 4), st.booleans(), st.booleans(), st.booleans())
def test_linear_is_torchs_with_gelu_before_the_residual(seed, dtype, b, biased, gelu, added):
    make = torch.Generator().manual_seed(seed)
    x, residual = torch.randn(b, 48, generator=make).to(dtype), torch.randn(b, 32, generator=make).to(dtype)
    weight, bias = (torch.randn(32, 48, generator=make) / 7).to(dtype), torch.randn(32, generator=make).to(dtype)
    expected = functional.linear(x.float(), weight.float(), bias.float() if biased else None)
    expected = functional.gelu(expected) if gelu else expected
    expected = expected + residual if added else expected
    found = PLAIN.linear(x, weight, bias if biased else None, gelu=gelu, residual=residual if added else None)
    assert found.dtype == dtype
    close(found, expected, dtype)


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 3))
def test_a_norm_comes_before_the_product(seed, b):
    make = torch.Generator().manual_seed(seed)
    x, weight, bias = torch.randn(b, 64, generator=make), torch.randn(192, 64, generator=make), torch.ones(192)
    norm = torch.randn(64, generator=make), torch.randn(64, generator=make)
    normal = functional.layer_norm(x, (64,), *norm, 1e-5)
    torch.testing.assert_close(PLAIN.linear(x, weight, bias, norm=norm), PLAIN.linear(normal, weight, bias))
    caches = torch.zeros(2, 2, b, 1, 3, 64)
    places = torch.arange(b) % 3
    found = PLAIN.qkv(x, weight, bias, *caches[0], places, norm=norm)
    torch.testing.assert_close(found, PLAIN.qkv(normal, weight, bias, *caches[1], places))
    torch.testing.assert_close(caches[0], caches[1])


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_an_int8_weight_stands_for_itself_times_its_scales(seed):
    make = torch.Generator().manual_seed(seed)
    weight = torch.randint(-127, 128, (20, 16), generator=make, dtype=torch.int8)
    scales = torch.rand(20, generator=make) / 127
    x, wide = torch.randn(3, 16, generator=make), weight.float() * scales[:, None]
    allowed = torch.zeros(20, dtype=torch.bool)
    torch.testing.assert_close(PLAIN.linear(x, weight, None, scales=scales), PLAIN.linear(x, wide, None))
    torch.testing.assert_close(PLAIN.best_token(x, weight, allowed, scales=scales), PLAIN.best_token(x, wide, allowed))


@settings(max_examples=30, deadline=None)
@given(seeds, dtypes)
def test_a_sum_is_normalised_to_mean_0_and_variance_1(seed, dtype):
    make = torch.Generator().manual_seed(seed)
    x, delta = torch.randn(2, 3, 5, 96, generator=make).to(dtype)
    one, zero = torch.ones(96, dtype=dtype), torch.zeros(96, dtype=dtype)
    total, normal = PLAIN.add_norm(x, delta, one, zero)
    torch.testing.assert_close(total, x + delta)
    close(normal.float().mean(-1), torch.zeros(3, 5), dtype)
    assert (normal.float().var(-1, correction=0) - 1).abs().max() < 3e-2
    close(PLAIN.add_norm(total, None, one, zero)[1], normal, dtype)


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 4), st.integers(1, 60), st.booleans(), st.floats(0, 1))
def test_the_best_token_is_the_likeliest_of_those_allowed(seed, b, v, shared, share):
    make = torch.Generator().manual_seed(seed)
    hidden, embedding = torch.randn(b, 16, generator=make), torch.randn(v, 16, generator=make)
    forbidden = torch.rand((v,) if shared else (b, v), generator=make) < share
    tokens, logprobs = PLAIN.best_token(hidden, embedding, forbidden)
    for row in range(b):
        allowed = [token for token in range(v) if not (forbidden if shared else forbidden[row])[token]]
        if not allowed:
            assert (int(tokens[row]), float(logprobs[row])) == (0, -math.inf)
            continue
        spread = (hidden[row] @ embedding[allowed].T).log_softmax(-1)
        assert int(tokens[row]) == allowed[int(spread.argmax())]
        assert float(logprobs[row]) == pytest.approx(float(spread.max()), abs=1e-5)


def test_of_equal_tokens_the_first_is_best():
    tokens, _ = PLAIN.best_token(torch.ones(1, 4), torch.ones(9, 4), torch.arange(9) < 3)
    assert tokens.tolist() == [3]


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 2), st.integers(1, 3), st.integers(1, 30))
def test_the_weights_of_a_head_make_what_its_attention_finds(seed, k, beams, n):
    make = torch.Generator().manual_seed(seed)
    query, keys = torch.randn(k * beams, 4, 64, generator=make), torch.randn(k, 4, n, 64, generator=make)
    values = torch.randn(k, 4, n, 64, generator=make)
    lengths = torch.randint(1, n + 1, (k,), generator=make, dtype=torch.int32)
    heads = torch.tensor([3, 1])
    spread = PLAIN.weights_of(query, keys, heads, lengths)
    assert spread.shape == (k * beams, 2, n)
    found = torch.einsum("bmn,bmnd->bmd", spread, values.repeat_interleave(beams, 0)[:, heads])
    torch.testing.assert_close(found, PLAIN.attend(query, keys, values, lengths)[:, heads])

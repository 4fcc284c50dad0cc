"""Times come from attention as openai/whisper's do: compared with the reference, step by step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from engine.whisper.cuda.decoding.timing import onsets, smoothed  # noqa: E402
from tests.engine.whisper import timing as reference  # noqa: E402

seeds = st.integers(0, 2**32)


@settings(max_examples=60, deadline=None)
@given(seeds, st.data(), st.integers(1, 3), st.integers(1, 4), st.integers(2, 12), st.integers(4, 60))
def test_attention_is_smoothed_as_the_reference_does(seed, data, k, heads, n, positions):
    make = torch.Generator().manual_seed(seed)
    attention = (torch.randn(k, heads, n, positions, generator=make) * 2).softmax(3)
    tokens = [data.draw(st.integers(2, n)) for _ in range(k)]
    heard = [data.draw(st.integers(4, positions)) for _ in range(k)]
    attention[0, :, tokens[0] :] = torch.nan  # what is behind is not looked at
    found = smoothed(attention, torch.tensor(tokens), torch.tensor(heard))
    for window in range(k):
        real = attention[window, :, : tokens[window]].numpy()
        expected = reference.smoothed(real, heard[window])
        np.testing.assert_allclose(
            found[window, : tokens[window], : heard[window]].numpy(), expected, rtol=2e-3, atol=2e-3
        )


@settings(max_examples=100, deadline=None)
@given(seeds, st.integers(1, 20), st.integers(1, 60), st.floats(0, 20))
def test_a_token_begins_where_the_path_of_the_reference_reaches_it(seed, tokens, positions, slope):
    make = np.random.default_rng(seed)
    ramp = np.abs(np.arange(tokens)[:, None] / tokens - np.arange(positions) / positions)
    matrix = (make.standard_normal((tokens, positions)) - slope * ramp).astype(np.float32)
    first = dict(reversed(reference.warped(matrix)))
    if len(first) == tokens:  # the reference's path may reach the first position below the first token
        assert onsets(matrix) == [first[token] for token in range(tokens)]


@settings(max_examples=60, deadline=None, derandomize=True)  # theirs takes a worse way where two cost the same
@given(seeds, st.integers(1, 12), st.integers(1, 40))
def test_the_path_is_openais(seed, tokens, positions):
    theirs = pytest.importorskip("whisper.timing", reason="openai-whisper is not installed (extra dev)")
    matrix = np.random.default_rng(seed).standard_normal((tokens, positions))
    token, position = theirs.dtw_cpu.py_func(-matrix)
    begins = np.diff(token, prepend=-1) > 0
    assert onsets(matrix) == position[begins].tolist()

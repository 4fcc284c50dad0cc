import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.units import HOP
from engine.whisper.features import log_mel, mel_filters


@pytest.mark.parametrize("n_mels", [80, 128])
def test_filters_are_whispers(n_mels):
    np.testing.assert_allclose(mel_filters(n_mels), FeatureExtractor(n_mels).mel_filters, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 400), st.floats(0, 1), st.integers(0, 99), st.sampled_from([80, 128]))
def test_log_mel_is_whispers(hops, loudness, seed, n_mels):
    sound = np.random.default_rng(seed).normal(0, loudness, hops * HOP).astype(np.float32)
    theirs = FeatureExtractor(n_mels)(sound, padding=0)
    np.testing.assert_allclose(log_mel(sound, n_mels), theirs, atol=2e-5)


@pytest.mark.parametrize("length", [0, 160, 320, 401])
def test_a_length_that_is_no_number_of_hops_is_refused(length):
    with pytest.raises(ValueError, match="multiple of 160"):
        log_mel(np.zeros(length, np.float32))

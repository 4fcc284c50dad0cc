import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.resample import Resampler
from engine.records import AudioBlock

RATES = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000)


def resampled(sound, rate, cuts=()):
    resampler = Resampler(rate)
    parts = [resampler.feed(AudioBlock(part, rate)) for part in np.split(sound, sorted(cuts))]
    return np.concatenate([*parts, resampler.finish()])


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
@pytest.mark.parametrize("rate", RATES)
def test_a_tone_keeps_its_length_and_its_shape(rate, channels):
    """One sample of length; a 440 Hz tone 60 dB above what the conversion adds."""
    time_s = np.arange(2 * rate) / rate
    tone = np.repeat(np.sin(2 * np.pi * 440 * time_s)[:, None], channels, axis=1).astype(np.float32)
    got = resampled(tone, rate)
    assert abs(len(got) - 32_000) <= 1
    middle = got[4_000:28_000]
    wanted = np.sin(2 * np.pi * 440 * np.arange(4_000, 28_000) / 16_000)
    noise = middle - wanted
    assert 10 * np.log10(np.mean(wanted**2) / np.mean(noise**2)) > 60


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(RATES), st.lists(st.integers(0, 9_000), max_size=6))
def test_how_the_stream_is_cut_changes_nothing(rate, cuts):
    sound = np.random.default_rng(7).uniform(-1, 1, (9_000, 2)).astype(np.float32)
    np.testing.assert_allclose(resampled(sound, rate, cuts), resampled(sound, rate), atol=1e-6)


def test_a_block_of_another_rate_is_refused():
    with pytest.raises(ValueError, match="44100 Hz in a stream of 48000"):
        Resampler(48_000).feed(AudioBlock(np.zeros((10, 1), np.float32), 44_100))

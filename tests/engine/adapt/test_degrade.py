"""What is degraded keeps its time, its length and its bounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.adapt import degrade
from engine.adapt.codecs import CODECS, coded, mu_law, read_g722
from engine.adapt.degrade import Shares

RATE = 16_000
ALL = Shares(untouched=0, room=1, noise=1, narrow=1, gain=1, codec=1)


def voice(seed, length=RATE):
    """Return noise of the band of voices in syllables, so that its place in time can be found again."""
    rng = np.random.default_rng(seed)
    sound = degrade.in_band(rng.normal(size=length).astype(np.float32), 200, 3000)
    syllables = np.repeat(rng.random(length // 800 + 1) > 0.5, 800)[:length]
    return degrade.at_level(sound * syllables, -20)


def shift(sound, later):
    """Return by how many samples one sound is behind another, where they are likest."""
    size = 1 << (2 * len(sound)).bit_length()
    likeness = np.fft.irfft(np.fft.rfft(later, size) * np.conj(np.fft.rfft(sound, size)), size)
    best = int(np.argmax(likeness))
    return best if best < size // 2 else best - size


def hiss(length):
    return np.random.default_rng(1).normal(0, 0.1, length).astype(np.float32)


WAYS = {
    "room": degrade.in_room,
    "band": lambda sound, rng: degrade.in_band(sound, rng.uniform(50, 400), rng.uniform(2800, 6500)),
    "noise": lambda sound, rng: degrade.with_noise(sound, hiss(len(sound)), rng.uniform(0, 30)),
    "telephone": lambda sound, rng: mu_law(sound),
}


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_every_degradation_keeps_time(way, seed):
    sound = voice(seed)
    heard = WAYS[way](sound, np.random.default_rng(seed))
    assert heard.shape == sound.shape
    assert heard.dtype == np.float32
    assert abs(shift(sound, heard)) <= 1


@given(pace=st.floats(0.8, 1.25), length=st.integers(8_000, 20_000))
@settings(max_examples=20, deadline=None)
def test_a_tone_at_another_pace_is_as_much_higher_and_shorter(pace, length):
    tone_hz = 700.0
    tone = np.sin(2 * np.pi * tone_hz * np.arange(length) / RATE).astype(np.float32)
    played = degrade.at_pace(tone, pace)
    assert len(played) == round(length / pace)
    expected = np.sin(2 * np.pi * tone_hz * pace * np.arange(len(played)) / RATE)
    inner = slice(len(played) // 8, -len(played) // 8)
    np.testing.assert_allclose(played[inner], expected[inner], atol=0.15)  # a pace is rounded to whole samples


@pytest.mark.parametrize(("codec", "bit_rate"), [(codec, rate) for codec in CODECS for rate in codec.bit_rates])
def test_a_codec_is_no_sample_late(codec, bit_rate):
    if not codec.here:
        pytest.skip(f"this FFmpeg has no {codec.name}")
    sound = voice(3, 2 * RATE)
    heard = coded(sound, codec, bit_rate)
    assert heard.shape == sound.shape
    assert abs(shift(np.abs(sound), np.abs(heard))) <= 16  # a millisecond: low rates change the waveform


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    length=st.integers(0, 20_000),
    level_db=st.floats(-90, 20),
    shares=st.sampled_from([ALL, Shares(), Shares(untouched=1)]),
)
def test_what_is_heard_is_finite_and_within_bounds(seed, length, level_db, shares):
    sound = voice(seed, length) * np.float32(10 ** (level_db / 20))
    heard = degrade.worse(sound, np.random.default_rng(seed), hiss, shares)
    assert heard.shape == sound.shape
    assert heard.dtype == np.float32
    assert np.isfinite(heard).all()
    assert np.abs(heard).max(initial=0) <= 1


@given(seed=st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_the_same_generator_degrades_in_the_same_way(seed):
    first, second = (degrade.worse(voice(seed), np.random.default_rng(seed), hiss) for _ in range(2))
    assert np.array_equal(first, second)


@given(snr_db=st.floats(-5, 40))
@settings(max_examples=20, deadline=None)
def test_noise_is_as_loud_as_it_was_asked_for(snr_db):
    sound = voice(5)
    added = degrade.with_noise(sound, hiss(len(sound)), snr_db) - sound
    assert 20 * np.log10(degrade.loudness(sound) / degrade.loudness(added)) == pytest.approx(snr_db, abs=0.2)


def test_silence_stays_silence_in_noise_that_is_measured_by_it():
    silence = np.zeros(RATE, np.float32)
    assert not degrade.with_noise(silence, hiss(RATE), 10).any()


@given(least=st.integers(1, 1_000_000))
@settings(max_examples=50, deadline=None)
def test_a_fast_length_is_enough_and_has_small_factors_only(least):
    size = degrade.fast_length(least)
    assert least <= size < 2 * least + 1
    for factor in (2, 3, 5):
        while size % factor == 0:
            size //= factor
    assert size == 1


def test_g722_of_a_telephone_system_is_read():
    import av

    encoder = av.CodecContext.create("g722", "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "s16"
    sound = voice(7)
    frame = av.AudioFrame.from_ndarray((sound * 32767).astype(np.int16)[None], "s16", "mono")
    frame.sample_rate = RATE
    data = b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))
    heard = read_g722(data)
    assert len(heard) == len(sound)
    assert abs(shift(sound, heard)) < 32

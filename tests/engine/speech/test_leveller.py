import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.speech.leveller import MOST, TARGET, Leveller

FRAME = 512
TIME_S = np.arange(60 * FRAME) / 16_000


def levelled(sound):
    return Leveller(0.032).feed(sound.astype(np.float32).reshape(-1, FRAME))


def loudness(frames):
    return float(np.sqrt(np.mean(np.square(frames[10:]))))


def tone(hertz, amplitude):
    return amplitude * np.sqrt(2) * np.sin(2 * np.pi * hertz * TIME_S)


@pytest.mark.parametrize("amplitude", [0.011, 0.03, 0.09])
def test_a_quiet_voice_is_raised_to_what_the_detector_knows(amplitude):
    assert loudness(levelled(tone(400, amplitude))) == pytest.approx(TARGET, rel=0.1)


def test_a_loud_voice_stays_as_it_is():
    assert loudness(levelled(tone(400, 0.3))) == pytest.approx(0.3, rel=0.1)


def test_a_room_is_not_raised_without_end():
    assert loudness(levelled(tone(400, 0.0005))) == pytest.approx(0.0005 * MOST, rel=0.1)


def test_rumble_does_not_hide_a_voice():
    """A 20 Hz rumble ten times as loud as the voice over it."""
    voice_alone, rumbling = levelled(tone(400, 0.02)), levelled(tone(400, 0.02) + tone(20, 0.2))
    spectrum = np.abs(np.fft.rfft(rumbling[10:].reshape(-1)))
    hertz = np.fft.rfftfreq(rumbling[10:].size, 1 / 16_000)
    assert spectrum[(hertz > 350) & (hertz < 450)].max() > spectrum[hertz < 40].max()
    assert loudness(rumbling) == pytest.approx(loudness(voice_alone), rel=0.1)


def test_silence_stays_silence():
    assert not levelled(np.zeros(10 * FRAME)).any()


@given(st.lists(st.integers(0, 20), max_size=5), st.integers(0, 99))
def test_how_frames_are_grouped_changes_nothing(cuts, seed):
    frames = np.random.default_rng(seed).normal(0, 0.02, (20, FRAME)).astype(np.float32)
    leveller = Leveller(0.032)
    parts = [leveller.feed(part) for part in np.split(frames, sorted(cuts)) if len(part)]
    np.testing.assert_allclose(np.concatenate(parts), Leveller(0.032).feed(frames), atol=1e-6)

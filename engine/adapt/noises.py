"""What stands behind speech, and what is heard where nobody speaks: recorded, or made up where nothing was recorded."""

from collections.abc import Callable, Sequence

import numpy as np

from engine.adapt.degrade import at_level, fast_length
from engine.adapt.sources import Kind
from engine.adapt.tracks import Track
from engine.records import Samples
from engine.units import SAMPLE_RATE, samples

TALKERS = 5  # at once: nobody is understood
MADE_UP = 0.2  # of all noises
MURMURS = 0.2  # of what stands behind speech
FADE = samples(0.01)
SLOPES = (0.0, 0.5, 1.0)  # white, pink, brown: the power of 1/frequency that the amplitude falls with
MAINS_HZ = (50.0, 60.0, 100.0, 120.0)


class Noises:
    """Sound of any length in which nobody is understood.

    Args:
        recorded: Tracks of noise, music and babble; may be empty.
        speech: Tracks that a murmur of many voices is mixed of, together with babble.
    """

    def __init__(self, recorded: Sequence[Track], speech: Sequence[Track]) -> None:
        self._silent = [track for track in recorded if track.about.kind is Kind.NOISE]
        self._music = [track for track in recorded if track.about.kind is Kind.MUSIC]
        self._voices = [*speech, *(track for track in recorded if track.about.kind is Kind.BABBLE)]

    def behind(self, rng: np.random.Generator, length: int) -> Samples:
        """Return what may stand behind speech, float32 [length]."""
        if rng.random() < MURMURS and self._voices:
            return self._murmur(rng, length)
        return self.alone(rng, length)

    def alone(self, rng: np.random.Generator, length: int) -> Samples:
        """Return sound in which nobody speaks, float32 [length]."""
        ways: list[Callable[[], Samples]] = [lambda: made_up(rng, length)]
        if self._silent:
            ways.append(lambda: _filled(self._silent, rng, length))
        if self._music:
            ways.append(lambda: _part(self._music, rng, length))
        which = 0 if rng.random() < MADE_UP else int(rng.integers(len(ways)))
        return ways[which]()

    def _murmur(self, rng: np.random.Generator, length: int) -> Samples:
        voices = [_filled(self._voices, rng, length) for _ in range(TALKERS)]
        mixed: Samples = np.sum(voices, axis=0, dtype=np.float32)
        return mixed


def made_up(rng: np.random.Generator, length: int) -> Samples:
    """Return hiss of some colour, with the mains' hum in every third."""
    size = fast_length(max(2, length))
    spectrum = np.fft.rfft(rng.standard_normal(size, np.float32))
    slope = SLOPES[int(rng.integers(len(SLOPES)))]
    spectrum[1:] /= np.arange(1, len(spectrum)) ** slope
    noise = np.fft.irfft(spectrum, size)
    noise = noise[:length] / np.sqrt(np.mean(np.square(noise)))
    if rng.random() < 1 / 3:
        time = np.arange(length) / SAMPLE_RATE
        mains_hz = MAINS_HZ[int(rng.integers(len(MAINS_HZ)))]
        for harmonic in (1, 2, 3, 5):
            noise += rng.uniform(0, 1) * np.sin(2 * np.pi * (mains_hz * harmonic * time + rng.random()))
    return at_level(noise.astype(np.float32), -25)


def _filled(tracks: Sequence[Track], rng: np.random.Generator, length: int) -> Samples:
    """Return takes in a row, with pauses: many noises are short."""
    sound = np.zeros(length, np.float32)
    at = 0
    while at < length:
        part = _part(tracks, rng, length - at, repeated=False)
        sound[at : at + len(part)] = at_level(part, float(rng.uniform(-32, -20)))
        at += len(part) + samples(rng.uniform(0.05, 1.0))
    return sound


def _part(tracks: Sequence[Track], rng: np.random.Generator, length: int, *, repeated: bool = True) -> Samples:
    """Return a part of one take, with soft edges; one that is too short comes again and again, if that is wanted."""
    track = tracks[int(rng.integers(len(tracks)))]
    span = track.spans[int(rng.integers(len(track.spans)))]
    start = int(rng.integers(span.start, max(span.start, span.stop - length) + 1))
    sound = track.sound(start, min(span.stop, start + length))
    edge = min(FADE, len(sound) // 2)
    ramp = np.linspace(0, 1, edge, dtype=np.float32)
    sound[:edge] *= ramp
    sound[len(sound) - edge :] *= ramp[::-1]
    return np.resize(sound, length) if repeated else sound

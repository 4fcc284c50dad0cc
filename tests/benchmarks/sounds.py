"""Sounds in which nobody speaks, made by arithmetic: the same at every run, each at several levels.

Levels are root mean square below full scale; of clicks and keys, the peak of the loudest.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from engine.units import SAMPLE_RATE, samples
from tests.benchmarks.recordings import Recording

DURATION_S = 30.0
Sound = NDArray[np.float64]


def sounds() -> Iterator[Recording]:
    """Yield every kind of sound at each of its levels: about thirteen minutes."""
    yield _recording("digital silence", np.zeros(samples(60)), None)
    for name, (make, levels_db) in KINDS.items():
        for level_db in levels_db:
            yield _recording(name, make(np.random.default_rng(4), samples(DURATION_S)), level_db)


def coloured(exponent: float) -> Callable[[np.random.Generator, int], Sound]:
    """Return a maker of noise whose power falls with frequency to the power of `exponent`, above 20 Hz."""

    def make(random: np.random.Generator, count: int) -> Sound:
        spectrum = np.fft.rfft(random.standard_normal(count))
        frequency = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
        return np.fft.irfft(np.where(frequency < 20, 0, spectrum / np.maximum(frequency, 20) ** (exponent / 2)), count)

    return make


def hum(random: np.random.Generator, count: int) -> Sound:
    """Return mains hum: 50 Hz and harmonics, barely unsteady."""
    del random
    time_s = np.arange(count) / SAMPLE_RATE
    return sum((np.sin(2 * np.pi * 50 * k * time_s + k) / k for k in range(1, 12)), np.zeros(count))


def fan(random: np.random.Generator, count: int) -> Sound:
    """Return blades through air: brown noise, a tone of the blades, both swelling as they turn."""
    time_s = np.arange(count) / SAMPLE_RATE
    air, blades = coloured(2)(random, count), np.sin(2 * np.pi * 120 * time_s) + np.sin(2 * np.pi * 240 * time_s)
    return (air / air.std() + 0.3 * blades) * (1 + 0.2 * np.sin(2 * np.pi * 2 * time_s))


def wind(random: np.random.Generator, count: int) -> Sound:
    """Return gusts: pink noise that swells as fast as syllables do."""
    gusts = np.interp(
        np.arange(count), np.arange(0, count, SAMPLE_RATE // 4), random.random(-(-count * 4 // SAMPLE_RATE))
    )
    return coloured(1)(random, count) * gusts**2


def clicks(random: np.random.Generator, count: int) -> Sound:
    """Return single samples, two a second."""
    result = np.zeros(count)
    result[random.integers(0, count, 2 * count // SAMPLE_RATE)] = 1
    return result


def keys(random: np.random.Generator, count: int) -> Sound:
    """Return typing: short knocks with a ring, seven a second in bursts."""
    knock_s = np.arange(samples(0.05)) / SAMPLE_RATE
    result = np.zeros(count + len(knock_s))
    for second in range(0, count // SAMPLE_RATE, 2):
        for at in second * SAMPLE_RATE + np.sort(random.integers(0, SAMPLE_RATE, 7)):
            pitch_hz, force = random.uniform(800, 3500), random.uniform(0.3, 1)
            knock = np.sin(2 * np.pi * pitch_hz * knock_s) + random.standard_normal(len(knock_s))
            result[at : at + len(knock)] += force * knock * np.exp(-knock_s / 0.008)
    return result[:count]


def sweep(random: np.random.Generator, count: int) -> Sound:
    """Return a tone that climbs slowly through the voice's range and back."""
    del random
    pitch_hz = 80 * 40 ** np.sin(np.pi * np.arange(count) / count)
    return np.sin(2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE)


def beeps(random: np.random.Generator, count: int) -> Sound:
    """Return what telephones and machines do: three tones, then a pause."""
    del random
    time_s = np.arange(count) / SAMPLE_RATE
    pitch_hz = np.array([440.0, 660.0, 880.0, 0.0])[(time_s / 0.3).astype(int) % 4]
    return np.where(pitch_hz > 0, np.sin(2 * np.pi * pitch_hz * time_s), 0)


KINDS: dict[str, tuple[Callable[[np.random.Generator, int], Sound], tuple[int, ...]]] = {
    "white noise": (coloured(0), (-60, -40, -20)),
    "pink noise": (coloured(1), (-60, -40, -20)),
    "brown noise": (coloured(2), (-60, -40, -20)),
    "hum": (hum, (-50, -25)),
    "fan": (fan, (-50, -30)),
    "wind": (wind, (-50, -25)),
    "clicks": (clicks, (-20, -3)),
    "keys": (keys, (-30, -6)),
    "sweep": (sweep, (-40, -15)),
    "beeps": (beeps, (-40, -15)),
}


def _recording(name: str, sound: Sound, level_db: int | None) -> Recording:
    if level_db is not None:
        size = np.abs(sound).max() if name in {"clicks", "keys"} else np.sqrt(np.mean(np.square(sound)))
        sound = np.clip(sound / size * 10 ** (level_db / 20), -1, 1)
        name = f"{name}, {level_db} dB"
    return Recording(name, "synthetic", sound.astype(np.float32), "")

"""What stands between a mouth and a microphone: noise, rooms, narrow bands, gain, codecs.

All of it keeps time: what was at sample n stays there. So the original's attention to the clean sound is a target for
who hears it worse. Everything is drawn from the generator that is handed in, and nothing is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.adapt.codecs import CODECS, coded, mu_law
from engine.records import Samples
from engine.units import SAMPLE_RATE, samples

QUIET = 1e-5  # root mean square of what counts as no sound at all
LIMIT = 0.99


@dataclass(frozen=True, slots=True)
class Shares:
    """How often each happens to an item that is degraded at all.

    Attributes:
        untouched: Of all items: these are heard as they are.
        room: Reverberant.
        noise: With noise or music under them.
        narrow: With less than the whole band.
        gain: Louder or quieter; a few clip.
        codec: Coded and decoded.
    """

    untouched: float = 0.2
    room: float = 0.35
    noise: float = 0.6
    narrow: float = 0.15
    gain: float = 0.6
    codec: float = 0.2


SHARES = Shares()


def worse(
    sound: Samples, rng: np.random.Generator, noise: Callable[[int], Samples], shares: Shares = SHARES
) -> Samples:
    """Return what a poor microphone in a poor place hears of a sound.

    Args:
        sound: float32 [n], 16 kHz.
        rng: Decides everything.
        noise: Returns so many samples of something that is not the sound.
        shares: Of what happens.

    Returns:
        float32 [n], within [-1, 1]; sample for sample the same moments.
    """
    if rng.random() < shares.untouched or not len(sound):
        return limited(sound)
    room, noisy, narrow, gained, codec = rng.random(5) < (
        shares.room,
        shares.noise,
        shares.narrow,
        shares.gain,
        shares.codec,
    )
    if room:
        sound = in_room(sound, rng)
    if noisy:
        sound = with_noise(sound, noise(len(sound)), float(rng.uniform(0, 30)))
    if gained:
        sound = sound * 10 ** (rng.uniform(-26, 8) / 20)
    if narrow:
        sound = in_band(sound, float(rng.uniform(50, 400)), float(rng.uniform(2800, 6500)))
    if codec:
        sound = _some_codec(limited(sound), rng)
    return limited(sound)


def limited(sound: Samples) -> Samples:
    """Return a sound clipped to what a converter can express, float32."""
    return np.clip(sound, -LIMIT, LIMIT).astype(np.float32)


def loudness(sound: Samples) -> float:
    """Return the root mean square of the louder tenth of 0.1 s pieces: speech is loud in a part of it only."""
    if not len(sound):
        return 0.0
    piece = samples(0.1)
    whole = sound[: max(1, len(sound) // piece) * piece]
    pieces = whole.reshape(-1, piece) if len(whole) >= piece else whole[None]
    energies = np.mean(np.square(pieces, dtype=np.float64), axis=1)
    return float(np.sqrt(np.quantile(energies, 0.9)))


def at_level(sound: Samples, level_db: float) -> Samples:
    """Return a sound whose loudness is so many dB below full scale; silence stays silence."""
    is_loud = loudness(sound)
    return sound * np.float32(10 ** (level_db / 20) / is_loud) if is_loud > QUIET else sound


def at_pace(sound: Samples, pace: float) -> Samples:
    """Return a sound played so much faster, which is higher as well; one that is faster loses what is too high.

    Args:
        sound: float32 [n].
        pace: Above 1 is faster; 1 is the sound itself.
    """
    if pace == 1 or not len(sound):
        return sound
    whole = np.pad(sound, (0, fast_length(len(sound)) - len(sound)))
    size = round(len(whole) / pace)
    played = np.fft.irfft(np.fft.rfft(whole)[: size // 2 + 1], size) * (size / len(whole))
    return played[: round(len(sound) / pace)].astype(np.float32)


def with_noise(sound: Samples, noise: Samples, snr_db: float) -> Samples:
    """Return a sound with noise under it.

    Args:
        sound: float32 [n]; its loudness is that of its loud moments.
        noise: float32 [n].
        snr_db: How much louder the sound is.
    """
    signal, other = loudness(sound), loudness(noise)
    if signal < QUIET or other < QUIET:
        return sound
    return sound + noise * np.float32(signal / other / 10 ** (snr_db / 20))


def in_room(sound: Samples, rng: np.random.Generator) -> Samples:
    """Return a sound as it is heard across a room: direct at once, then reflections, then a tail that dies away.

    The tail is noise under an exponential (Polack's model): 60 dB in 0.15…0.9 s, 2…18 dB below the direct sound.
    """
    decay_s = rng.uniform(0.15, 0.9)
    length = samples(decay_s)
    time = np.arange(length) / SAMPLE_RATE
    response = rng.normal(size=length) * 10 ** (-3 * time / decay_s)
    response[: samples(0.004)] = 0  # the first wall is a metre away
    response *= 10 ** (-rng.uniform(2, 18) / 20) / np.sqrt(np.sum(np.square(response)))
    for late_s in rng.uniform(0.002, 0.04, int(rng.integers(2, 7))):
        response[samples(late_s)] += rng.uniform(-0.5, 0.5) / (1 + 100 * late_s)
    response[0] = 1.0
    return convolved(sound, response.astype(np.float32))


def convolved(sound: Samples, response: Samples) -> Samples:
    """Return the first n samples of a sound [n] through a response."""
    size = fast_length(len(sound) + len(response))
    product = np.fft.rfft(sound, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[: len(sound)].astype(np.float32)


def in_band(sound: Samples, low_hz: float, high_hz: float) -> Samples:
    """Return what a sound holds between two frequencies, without delay; the edges are a fifth wide."""
    size = fast_length(len(sound) + samples(0.1))
    frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    gain = np.clip((frequency - 0.8 * low_hz) / (0.2 * low_hz), 0, 1)
    gain *= np.clip((1.2 * high_hz - frequency) / (0.2 * high_hz), 0, 1)
    return np.fft.irfft(np.fft.rfft(sound, size) * gain, size)[: len(sound)].astype(np.float32)


def _some_codec(sound: Samples, rng: np.random.Generator) -> Samples:
    here = [codec for codec in CODECS if codec.here]
    which = int(rng.integers(len(here) + 1))
    if which == len(here):
        return mu_law(sound)
    codec = here[which]
    return coded(sound, codec, codec.bit_rates[int(rng.integers(len(codec.bit_rates)))])


def fast_length(least: int) -> int:
    """Return the smallest length from `least` on with factors 2, 3 and 5 only: FFTs are fast there."""
    best = 1 << (least - 1).bit_length()
    five = 1
    while five < best:
        three = five
        while three < best:
            size = three << max(0, (-(-least // three) - 1).bit_length())
            best = min(best, size)
            three *= 3
        five *= 5
    return best

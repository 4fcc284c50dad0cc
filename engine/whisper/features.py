"""Log-mel spectrogram, exactly Whisper's (openai/whisper, `audio.py`, MIT).

25 ms Hann windows every 10 ms, reflected at the edges → power → Slaney mel filters → log10,
at most 8 (80 dB) below the loudest, then (x + 4) / 4.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.records import Samples
from engine.units import HOP, SAMPLE_RATE

N_FFT = 400  # 25 ms
_FLOOR = np.float32(1e-10)
_RANGE = np.float32(8.0)  # in log10 of power: 80 dB


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's mel scale: linear below 1 kHz (mel 15), logarithmic above."""
    linear = mel * (200.0 / 3)
    return np.where(mel < 15, linear, 1000.0 * np.exp((mel - 15) * np.log(6.4) / 27))


@cache
def mel_filters(n_mels: int) -> NDArray[np.float32]:
    """Return the triangular filters, float32 [n_mels, 201], each of unit area (librosa's `filters.mel`)."""
    bins = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    top = 15 + np.log(8.0) * 27 / np.log(6.4)  # 8 kHz in mel
    edges = _hertz(np.linspace(0.0, top, n_mels + 2))
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(triangles * (2 / (edges[2:] - edges[:-2]))[:, None], np.float32)


@cache
def _hann() -> NDArray[np.float32]:
    return np.hanning(N_FFT + 1)[:-1].astype(np.float32)


def log_mel(samples: Samples, n_mels: int = 80) -> NDArray[np.float32]:
    """Return Whisper's log-mel spectrogram of mono speech.

    Args:
        samples: float32 [n], 16 kHz, within [-1, 1]; n is a multiple of the hop and at least 400.
        n_mels: 80 or 128.

    Returns:
        float32 [n_mels, n // 160], C-contiguous, scaled as Whisper expects.

    Raises:
        ValueError: n is not a multiple of 160, or too short to reflect.
    """
    if len(samples) % HOP or len(samples) < N_FFT:
        raise ValueError(f"{len(samples)} samples are not a multiple of {HOP} of at least {N_FFT}")
    padded = np.pad(samples, N_FFT // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[:-1:HOP]
    spectrum = np.fft.rfft(windows * _hann(), axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    mel = mel_filters(n_mels) @ power.T
    log = np.log10(np.maximum(mel, _FLOOR))
    log = (np.maximum(log, log.max() - _RANGE) + 4) / 4
    return np.ascontiguousarray(log, np.float32)

"""Log-mel frames on the device: `engine.whisper.features` in torch, in parts that a graph can hold.

The Fourier transform of 400 samples is a product with a matrix, [400, 2 × 201], that has the Hann window in it: one
launch without a plan, float32 throughout. Over 150 sounds the scaled result was at most 1.3e-4 from what float64 gives,
that of torch.fft 3.1e-4. It must not be computed in TF32, which torch does only when it is told to.
"""

import numpy as np
import torch
from torch import Tensor

from engine.units import HOP
from engine.whisper.features import N_FFT, mel_filters

BINS = N_FFT // 2 + 1
SILENCE = -10.0  # log10 of the least power, features' 1e-10
RANGE = 8.0  # log10 of power: 80 dB


class Mel:
    """The tables, on a device.

    Args:
        n_mels: 80 or 128.
        place: The device.
    """

    def __init__(self, n_mels: int, place: torch.device) -> None:
        angle = 2 * np.pi / N_FFT * np.outer(np.arange(N_FFT), np.arange(BINS))
        hann = np.hanning(N_FFT + 1)[:-1, None]
        basis = np.concatenate([hann * np.cos(angle), hann * np.sin(angle)], axis=1)
        self.n_mels = n_mels
        self._basis = torch.tensor(basis.astype(np.float32), device=place)
        self._filters = torch.tensor(mel_filters(n_mels).T.copy(), device=place)

    def log_power(self, frames: Tensor) -> Tensor:
        """Return the logarithm of the power in each band.

        Args:
            frames: float32 [..., 400], samples of 25 ms each.

        Returns:
            float32 [..., n_mels], log10, at least -10.
        """
        spectrum = frames @ self._basis
        power = spectrum[..., :BINS].square() + spectrum[..., BINS:].square()
        return (power @ self._filters).clamp_min(10**SILENCE).log10()

    def log_mel(self, samples: Tensor) -> Tensor:
        """Return the log-mel spectrograms of a batch of recordings.

        Args:
            samples: float32 [b, n], 16 kHz, within [-1, 1]; n is a multiple of the hop and at least 400.

        Returns:
            float32 [b, n_mels, n // 160], each as `features.log_mel` has it.

        Raises:
            ValueError: n is not a multiple of 160, or too short to reflect.
        """
        n = samples.shape[-1]
        if n % HOP or n < N_FFT:
            raise ValueError(f"{n} samples are not a multiple of {HOP} of at least {N_FFT}")
        padded = torch.nn.functional.pad(samples[:, None], (N_FFT // 2, N_FFT // 2), mode="reflect")[:, 0]
        frames = padded.unfold(1, N_FFT, HOP)[:, : n // HOP]
        return scaled(self.log_power(frames)).transpose(1, 2)


def scaled(logs: Tensor) -> Tensor:
    """Return log-power as Whisper expects it: at most 80 dB below the loudest of its window, then (x + 4) / 4.

    Args:
        logs: float32 [..., frames, n_mels]: a window each.

    Returns:
        Of the same shape.
    """
    floor = logs.amax(dim=(-2, -1), keepdim=True) - RANGE
    return (torch.maximum(logs, floor) + 4) / 4

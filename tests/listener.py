"""Hears a source, and keeps account of it."""

import time

import numpy as np

from desktop.capture.hosts import boot_clock
from engine.records import AudioBlock, Interruption, Notice

SOON_S = 12.0  # a limit for what should take one or two: the machine may be busy


class Listener:
    """Reads a source until something is so.

    Attributes:
        items: All that came.
        media_s: The sound and the gaps in them.
    """

    def __init__(self, source):
        self.source = source
        self.items = []
        self.media_s = 0.0

    def hear(self, condition, what, deadline_s=SOON_S):
        """Read until the condition holds for what came since this call, and return that."""
        deadline = time.monotonic() + deadline_s
        new = []
        while not condition(new):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} was not heard within {deadline_s:g} s: {self.said(new)}")
            new += self._read(0.2)
        return new

    def hear_for(self, duration_s):
        """Read for so long, by the clock, and return what came."""
        end = time.monotonic() + duration_s
        new = []
        while (left := end - time.monotonic()) > 0:
            new += self._read(left)
        return new

    def lag_s(self):
        """Return how far the clock is ahead of media time, but for a constant: the least of a while."""
        lags = []
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            self._read(0.1)
            lags.append(boot_clock() - self.media_s)
        return min(lags)

    def _read(self, timeout_s):
        new = list(self.source.read(timeout_s))
        for item in new:
            if isinstance(item, AudioBlock):
                self.media_s += len(item.frames) / item.sample_rate
            elif isinstance(item, Interruption):
                assert item.duration_s > 0
                self.media_s += item.duration_s
        self.items += new
        return new

    @staticmethod
    def said(items):
        """Return all but the sound."""
        return [item for item in items if not isinstance(item, AudioBlock)]


def sound(items):
    """Return all frames of the blocks."""
    return np.concatenate([item.frames for item in items if isinstance(item, AudioBlock)])


def is_heard(items):
    """Whether sound came."""
    return any(isinstance(item, AudioBlock) for item in items)


def is_told(*, healthy):
    """Return a condition: that a notice of this kind came."""
    return lambda items: any(isinstance(item, Notice) and item.healthy is healthy for item in items)


def where(needle, haystack):
    """Return the index at which one channel of sound lies in another, by correlation."""
    size = 1 << (len(needle) + len(haystack)).bit_length()
    spectrum = np.fft.rfft(haystack, size) * np.conj(np.fft.rfft(needle, size))
    return int(np.fft.irfft(spectrum, size).argmax())

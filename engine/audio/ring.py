"""The last frames of a stream, by their absolute index.

It has two users. Capture crosses from its audio thread to the engine through one, at the device's rate and
with its channels: the writer calls `write`, the reader `take`. The engine keeps its own history in another,
16 kHz mono, and cuts windows out of it with `view`.

Storage is mirrored: frame i lies at i mod capacity and again one capacity further on, so that every span is
one slice, for the price of a second copy when writing.
"""

import numpy as np
from numpy.typing import NDArray

from engine.records import Samples


class Ring:
    """The last `capacity` frames that were written; one thread writes, one reads, none waits for the other.

    There is no lock. The writer says which frames it is going to overwrite before it touches them (`oldest`
    moves first) and which are there after it has put them in (`written` moves last). A reader copies, then
    looks at `oldest` again: a span that is still inside was whole while it was copied.

    Args:
        capacity: Frames to keep.
        channels: Samples a frame.
        storage: Zeros to lie in, float32 [2 × capacity, channels], where memory of one's own is not good enough: a
            GPU reads from page-locked memory only while the program goes on.
    """

    def __init__(self, capacity: int, channels: int = 1, storage: Samples | None = None) -> None:
        if capacity < 1 or channels < 1:
            raise ValueError(f"a ring needs a capacity and channels, not {capacity} and {channels}")
        shape = (2 * capacity, channels)
        if storage is not None and (storage.shape != shape or storage.dtype != np.float32):
            raise ValueError(f"a ring lies in float32 {shape}, not in {storage.dtype} {storage.shape}")
        self.capacity = capacity
        self.channels = channels
        self._storage: Samples = np.zeros(shape, np.float32) if storage is None else storage
        self._claimed = 0  # one past the last frame whose place is taken
        self._written = 0
        self._taken = 0

    @property
    def written(self) -> int:
        """One past the last frame that can be read; all that were ever written."""
        return self._written

    @property
    def oldest(self) -> int:
        """The first frame that can still be read."""
        return max(0, self._claimed - self.capacity)

    def write(self, frames: NDArray[np.float32]) -> None:
        """Append frames; the oldest give way. Costs two copies of them.

        Thread: the writer's only.

        Args:
            frames: float32 [n, channels], or [n] where there is one channel; any n.
        """
        frames = frames.reshape(-1, self.channels)
        stop = self._written + len(frames)
        self._claimed = stop
        kept = frames[-self.capacity :]
        begin = (stop - len(kept)) % self.capacity
        end = begin + len(kept)
        self._storage[begin:end] = kept
        before_seam = self.capacity - begin
        if end <= self.capacity:
            self._storage[begin + self.capacity : end + self.capacity] = kept
        else:
            self._storage[begin + self.capacity :] = kept[:before_seam]
            self._storage[: end - self.capacity] = kept[before_seam:]
        self._written = stop

    def write_silence(self, frames: int) -> None:
        """Append silence of any length, for the price of the capacity at most.

        Thread: the writer's only.
        """
        passed = max(0, frames - self.capacity)  # these would be overwritten at once
        self._claimed += passed
        self._written += passed
        self.write(np.zeros((frames - passed, self.channels), np.float32))

    def read(self, start: int, stop: int) -> Samples:
        """Return a copy of a span.

        Thread: any.

        Returns:
            float32 [stop - start, channels].

        Raises:
            IndexError: Part of the span has left, or is not there yet.
        """
        frames = self._span(start, stop).copy()
        self._check(start, stop)  # again: the writer may have come by meanwhile
        return frames

    def view(self, start: int, stop: int) -> Samples:
        """Return a span without copying; it is good until the next write.

        Thread: the writer's only.

        Returns:
            float32 [stop - start, channels], contiguous and read-only.

        Raises:
            IndexError: Part of the span has left, or is not there yet.
        """
        frames = self._span(start, stop)
        frames.flags.writeable = False
        return frames

    def take(self) -> tuple[int, Samples]:
        """Return all that was written since the last call, and how much of it was lost.

        Thread: the reader's only.

        Returns:
            The number of frames that were overwritten before they could be taken; and a copy of those that
            follow them, float32 [n, channels]. The two sum to what was written.
        """
        stop = self._written
        start = max(self._taken, self.oldest)
        while True:
            frames = self._storage[self._place(start) :][: max(0, stop - start)].copy()
            lost = self.oldest - start
            if lost <= 0:
                break
            start += lost  # overwritten while it was copied
            stop = self._written
        missed = start - self._taken
        self._taken = start + len(frames)
        return missed, frames

    def _span(self, start: int, stop: int) -> Samples:
        self._check(start, stop)
        place = self._place(start)
        return self._storage[place : place + stop - start]

    def _place(self, index: int) -> int:
        return index % self.capacity

    def _check(self, start: int, stop: int) -> None:
        if not self.oldest <= start <= stop <= self._written:
            raise IndexError(f"[{start}, {stop}) is not within [{self.oldest}, {self._written})")

"""The way of the sound to a GPU: each sample goes up once, each frame is computed once.

    window → page-locked ring → (copy stream) → ring of samples → ring of frames → the window's mel

The windows of live captions overlap: the new one is the last one and half a second more. What is known of it already
is on the device. A frame, 400 samples around a place, is the same in all windows that hold all of these samples and
whose starts lie on the same grid of 160; so its log-power is kept. What hangs on the window is made anew: two frames at
its left edge, where the sound is mirrored, three at its end, where silence begins, and the scale, which hangs on the
loudest frame.

Where a window starts is not bound to a grid: one that follows another within an utterance starts whole positions of
20 ms later, but an utterance may start anywhere (`engine.speech.windows`). Then its frames are computed anew.

Nothing here waits for the device, but where host memory must be used again whose upload has not ended: a whole ring
later.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.audio.ring import Ring
from engine.records import Samples, Window
from engine.units import HOP, SAMPLES_PER_POSITION, samples
from engine.whisper.cuda.device.protocol import Device, Event, Graph
from engine.whisper.cuda.sound.mel import SILENCE, Mel, scaled
from engine.whisper.features import N_FFT

CAPACITY = samples(60)  # two of the longest windows
AT_ONCE = 128  # frames that one replay computes; an update of half a second brings 50
HEAD = 2  # frames that reach over the left edge
TAIL = 3  # frames that may reach over the end
_ROWS = 16  # updates that may be under way


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a window lies.

    Attributes:
        start: Of its first sample, in the ring's own count.
        length: Samples.
        inner: Frames that lie in it whole, from the third on: one past the last, by number in the window.
    """

    start: int
    length: int
    inner: int


class Sound:
    """What is known of the sound, on both sides; one session's, or one after another's.

    Args:
        device: Where the mel is needed.
        n_mels: 80 or 128.
        capacity: Samples that are kept; no window is longer.

    Attributes:
        mel: The tables; `mel.log_mel` is the way for whole recordings.
        uploaded: Samples that went up so far.
        computed: Frames that were computed for the ring so far; five more for every window are not in it.
    """

    def __init__(self, device: Device, n_mels: int, capacity: int = CAPACITY) -> None:
        self._device = device
        self._capacity = capacity
        self._most_frames = -(-capacity // HOP)
        blocks = self._most_frames // AT_ONCE + 3
        self._staging = device.page_locked((2 * capacity, 1), torch.float32)
        self._host = Ring(capacity, storage=self._staging.numpy())
        self._rows = device.page_locked((_ROWS, blocks, 4), torch.int64)
        self._numbers_on_host = self._rows.numpy()
        self._row = 0
        self._under_way: deque[tuple[int, Event]] = deque()
        with device.compute():
            place = device.place
            self.mel = Mel(n_mels, place)
            self._samples = torch.zeros(capacity, device=place)
            self._frames = torch.zeros(self._most_frames + 1, n_mels, device=place)  # the last is for what is not kept
            self._control = torch.zeros(blocks, 4, dtype=torch.int64, device=place)
            self._given = torch.zeros(4, dtype=torch.int64, device=place)
            self._offsets = torch.arange(-N_FFT // 2, N_FFT // 2, device=place)
            self._numbers = torch.arange(max(AT_ONCE, self._most_frames), device=place)
        self._compute_frames = device.capture("frames", self._block, self._given)
        self._windows: dict[int, tuple[Graph, Tensor]] = {}
        self._begun = 0  # the sound is whole from here on, in the ring's own count
        self._shift = 0  # the sample index is the ring's own count and this
        self._phase = 0  # of the grid that the frames lie on
        self._known = (0, 0)  # frames of that grid, by number
        self.uploaded = 0
        self.computed = 0

    def prepare(self, positions: int) -> Tensor:
        """Get ready for windows that are shown at this length, and return where their mel will lie. Not for live use.

        Args:
            positions: 20 ms each; what is behind a window up to there is silence.

        Returns:
            [n_mels, 2 × positions], in the device's dtype. It stays the same tensor.

        Raises:
            ValueError: It is too short to reflect, or longer than what is kept.
        """
        length = positions * SAMPLES_PER_POSITION
        if not N_FFT <= length <= self._capacity:
            raise ValueError(f"{positions} positions do not lie between {N_FFT} and {self._capacity} samples")
        if positions not in self._windows:
            with self._device.compute():
                shape, place = (self.mel.n_mels, 2 * positions), self._device.place
                result = torch.zeros(shape, dtype=self._device.dtype, device=place)
                ends = torch.tensor([0, 1, 0, 1, 2], device=place), torch.tensor([0, 0, 1, 1, 1], device=place)

            def assemble(given: Tensor) -> None:
                self._assemble(given, result, *ends)

            graph = self._device.capture(f"mel of {positions} positions", assemble, self._given)
            self._windows[positions] = graph, result
        return self._windows[positions][1]

    def hear(self, window: Window, positions: int) -> Tensor:
        """Launch what makes the mel of a window, with silence behind it.

        Args:
            window: What is longer than `positions` of it is not heard.
            positions: What is shown, 20 ms each; `prepare` was called for it, or is called now.

        Returns:
            What `prepare` returns, once the compute stream has come by: what `features.log_mel` makes of the padded
            window. It is good until the next call.
        """
        result = self.prepare(positions)
        sound = window.samples[: positions * SAMPLES_PER_POSITION]
        fresh, start = self._follow(sound, window.start)
        place = _Place(start, len(sound), max(0, (len(sound) - N_FFT // 2) // HOP + 1))
        rows = [self._given_for(place), *self._missing(place)]
        ready = self._bring(sound[len(sound) - fresh :], rows)
        with self._device.range("mel"), self._device.compute(ready):
            for n in range(1, len(rows)):
                self._compute_frames.replay(self._control[n])
            self._windows[positions][0].replay(self._control[0])
        return result

    def _follow(self, sound: Samples, start: int) -> tuple[int, int]:
        """Return how many samples at the end of a window are new, and where it starts in the ring's own count.

        Sound that is not the same as before at the same index is another session's: then all of it is new.
        """
        ring = self._host
        at = start - self._shift
        stop = min(at + len(sound), ring.written)
        if max(self._begun, ring.oldest) <= at <= ring.written and np.array_equal(
            sound[: stop - at], ring.view(at, stop)[:, 0]
        ):
            return at + len(sound) - stop, at
        self._begun = ring.written
        self._shift = start - ring.written
        self._known = (0, 0)
        return len(sound), ring.written

    def _missing(self, place: _Place) -> list[list[int]]:
        """Return what frames have to be computed, a row for each replay, and count them as known."""
        first = place.start // HOP
        if place.start % HOP != self._phase:
            self._phase, self._known = place.start % HOP, (0, 0)
        begin, end = first + HEAD, first + place.inner
        if begin >= end:
            return []
        known, known_end = self._known
        if end < known or begin > known_end or known == known_end:
            known = known_end = begin
        spans = ((begin, min(known, end)), (max(known_end, begin), end))
        high = max(end, known_end)
        self._known = max(min(begin, known), high - self._most_frames), high  # those before have given way
        rows = []
        for start, stop in spans:
            self.computed += max(0, stop - start)
            for at in range(start, stop, AT_ONCE):
                center = (at * HOP + self._phase) % self._capacity
                rows.append([center, at % self._most_frames, min(AT_ONCE, stop - at), 0])
        return rows

    def _given_for(self, place: _Place) -> list[int]:
        return [place.start % self._capacity, place.length, place.start // HOP % self._most_frames, place.inner]

    def _bring(self, fresh: Samples, rows: list[list[int]]) -> Event:
        """Start the upload of new samples and of numbers, and return when both are there."""
        ring, device = self._host, self._device
        start = ring.written
        stop = start + len(fresh)
        while self._under_way and (len(self._under_way) == _ROWS or self._under_way[0][0] < stop - ring.capacity):
            _, event = self._under_way.popleft()
            if not event.done():
                event.wait()
        ring.write(fresh)
        self._row = (self._row + 1) % _ROWS
        self._numbers_on_host[self._row, : len(rows)] = rows
        read = device.mark()  # what was launched before may still read the rings
        while start < stop:
            at = start % self._capacity
            n = min(stop - start, self._capacity - at)
            device.upload(self._staging[at : at + n, 0], self._samples[at : at + n], read)
            start += n
        ready = device.upload(self._rows[self._row, : len(rows)], self._control[: len(rows)], read)
        self._under_way.append((stop - len(fresh), ready))
        self.uploaded += len(fresh)
        return ready

    def _block(self, given: Tensor) -> None:
        """Compute frames into their ring.

        Args:
            given: The place of the first one's middle among the samples, its own place, and how many there are.
        """
        numbers = self._numbers[:AT_ONCE]
        places = (given[0] + numbers[:, None] * HOP + self._offsets) % self._capacity
        logs = self.mel.log_power(self._samples[places])
        kept = torch.where(numbers < given[2], (given[1] + numbers) % self._most_frames, self._most_frames)
        self._frames.index_copy_(0, kept, logs)

    def _assemble(self, given: Tensor, result: Tensor, ends: Tensor, of_tail: Tensor) -> None:
        """Put a window's mel together.

        Args:
            given: The window's place among the samples, its length, its place among the frames, the end of those that
                lie in it whole.
            result: [n_mels, frames], where it goes.
            ends: Numbers of the frames at the edges, from the edge.
            of_tail: 1 for those at the end, 0 for those at the beginning.
        """
        start, length, first, inner = given[0], given[1], given[2], given[3]
        frames = result.shape[1]
        numbers = self._numbers[:frames]
        logs = self._frames[(first + numbers) % self._most_frames]
        inside = (numbers >= HEAD) & (numbers < inner)
        logs = torch.where(inside[:, None], logs, SILENCE)
        edges = (ends + of_tail * inner).clamp_max(frames - 1)
        places = (edges[:, None] * HOP + self._offsets).abs()  # mirrored at the beginning
        last = frames * HOP - 1
        places = last - (last - places).abs()  # and at the end of what is shown
        sound = self._samples[(start + places) % self._capacity]
        logs.index_copy_(0, edges, self.mel.log_power(torch.where(places < length, sound, 0.0)))
        result.copy_(scaled(logs).T)

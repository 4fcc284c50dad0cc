"""Where sound comes from: the protocol every source keeps, and the sources that need no device.

A source is pulled: the engine thread asks for what arrived. A live source fills a ring from its audio thread and
heals itself (it reopens what was lost and reports the interruption); a file is read as it is asked for.
`ArraySource` and `FileSource` are what the file command and the tests use.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from engine.audio.decoder import OPTIONS
from engine.errors import MediaUnreadable
from engine.records import AudioBlock, Samples, SourceItem

if TYPE_CHECKING:
    import av

BLOCK_S = 0.1


@runtime_checkable
class AudioSource(Protocol):
    """Sound that can be pulled.

    Attributes:
        name: For the state line and the journal: a device or a file.
        live: It goes on whether or not it is read, so what is not read in time is late.
    """

    name: str
    live: bool

    def open(self) -> None:
        """Start delivering.

        Raises:
            CaptureError: There is no such device or file, or it cannot be read.
        """
        ...

    def read(self, timeout_s: float) -> Sequence[SourceItem]:
        """Return everything that arrived since the last call, in order.

        Waits until something is there, at most `timeout_s`; then returns an empty sequence.

        Raises:
            CaptureError: It broke and cannot heal itself.
        """
        ...

    @property
    def exhausted(self) -> bool:
        """Whether all was read and nothing will come."""
        ...

    def close(self) -> None:
        """Stop delivering and free the device; closing twice is harmless."""
        ...


class Pacer:
    """Lets block k pass when its last sample would have been heard: absolute deadlines, so no error adds up.

    Args:
        clock: Monotonic seconds.
        sleep: Waits that many seconds.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._began: float | None = None

    def ready(self, due_s: float, timeout_s: float) -> bool:
        """Wait for the moment `due_s` after the first call, at most `timeout_s`; return whether it has come."""
        now = self._clock()
        self._began = now if self._began is None else self._began
        wait_s = self._began + due_s - now
        if wait_s > 0:
            self._sleep(min(wait_s, timeout_s))
        return wait_s <= timeout_s


class _BlockSource:
    """What the two sources below share: blocks from an iterator, paced or as fast as they are read."""

    def __init__(self, name: str, *, pacer: Pacer | None) -> None:
        self.name = name
        self.live = pacer is not None
        self._pacer = pacer
        self._blocks: Iterator[AudioBlock] | None = None
        self._next: AudioBlock | None = None
        self._due_s = 0.0

    def read(self, timeout_s: float) -> Sequence[SourceItem]:
        """Return the blocks that are due: one where there is no pace, else all whose end has passed."""
        due: list[SourceItem] = []
        while self._next is not None:
            length_s = len(self._next.frames) / self._next.sample_rate
            if self._pacer and not self._pacer.ready(self._due_s + length_s, 0.0 if due else timeout_s):
                break
            due.append(self._next)
            self._due_s += length_s
            self._advance()
            if self._pacer is None:
                break
        return due

    @property
    def exhausted(self) -> bool:
        """Whether the last block was read."""
        return self._next is None

    def close(self) -> None:
        """Drop what was not read."""
        self._blocks = self._next = None

    def _begin(self, blocks: Iterator[AudioBlock]) -> None:
        self._blocks, self._due_s = blocks, 0.0
        self._advance()

    def _advance(self) -> None:
        self._next = next(self._blocks, None) if self._blocks is not None else None


class ArraySource(_BlockSource):
    """Sound that is in memory.

    Args:
        frames: float32 [n] or [n, channels].
        sample_rate: In Hz.
        block_s: Length of a block.
        pacer: Delivers in real time; without one, as fast as it is read.
    """

    def __init__(
        self,
        frames: Samples,
        sample_rate: int,
        *,
        name: str = "array",
        block_s: float = BLOCK_S,
        pacer: Pacer | None = None,
    ) -> None:
        super().__init__(name, pacer=pacer)
        self._frames = frames if frames.ndim == 2 else frames[:, None]
        self._sample_rate = sample_rate
        self._block = max(1, round(block_s * sample_rate))

    def open(self) -> None:
        """Begin at the beginning."""
        starts = range(0, len(self._frames), self._block)
        self._begin(AudioBlock(self._frames[at : at + self._block], self._sample_rate) for at in starts)


class FileSource(_BlockSource):
    """The sound of a media file: whatever FFmpeg (PyAV) reads, decoded as it is asked for.

    Args:
        path: An audio or video file; of several sound tracks the first is taken.
        pacer: Delivers in real time; without one, as fast as it is read.
    """

    def __init__(self, path: Path, *, pacer: Pacer | None = None) -> None:
        super().__init__(path.name, pacer=pacer)
        self._path = path

    def open(self) -> None:
        """Open the file and decode its first block.

        Raises:
            MediaUnreadable: There is no such file, or no sound in it.
        """
        if not self._path.is_file():
            raise MediaUnreadable(f"there is no file {self._path}", hint="Check the path.")
        self._begin(_decoded(self._path))
        if self._next is None:
            raise MediaUnreadable(f"{self._path.name} has no sound in it", hint="Choose an audio or video file.")


def _decoded(path: Path) -> Iterator[AudioBlock]:
    """Decode a file into blocks of 100 ms at its own rate and channels.

    What cannot be decoded is left out: a file that breaks off is worth what was heard until then.
    """
    import av  # noqa: PLC0415  # 0.2 s, and only files need it

    try:
        with path.open("rb") as file, av.open(file, options=OPTIONS, metadata_errors="ignore") as media:
            if not media.streams.audio:
                raise MediaUnreadable(f"{path.name} has no sound in it", hint="Choose an audio or video file.")
            rate = media.streams.audio[0].codec_context.sample_rate
            resampler = av.AudioResampler(format="flt", rate=rate, frame_size=round(rate * BLOCK_S))
            for packet in media.demux(audio=0):
                with suppress(av.error.InvalidDataError):
                    for frame in packet.decode():
                        yield from _blocks(resampler.resample(frame), rate)
            yield from _blocks(resampler.resample(None), rate)
    except (av.error.FFmpegError, OSError) as error:
        raise MediaUnreadable(
            f"{path.name} cannot be read: {error}", hint="Convert it to WAV, FLAC, MP3 or MP4 and try again."
        ) from error


def _blocks(frames: "Sequence[av.AudioFrame]", sample_rate: int) -> Iterator[AudioBlock]:
    for frame in frames:
        packed = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
        yield AudioBlock(np.clip(packed, -1.0, 1.0, dtype=np.float32), sample_rate)

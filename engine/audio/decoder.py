"""The program that decodes one media file for another process, and can do nothing else.

A media file may be made to harm: a decoder has a million lines. So it runs in a process of its own, which gets the open
file as its standard input and may open nothing more (no file that a playlist names, no socket), write nothing but the
sound, and take bounded memory and time. `engine.audio.media` starts it and watches over it.

    standard input    the file
    standard output   its length in samples as the container tells it, int64, -1 if it does not; then 16 kHz mono, int16
    exit code         0, or one of the codes below

It imports nothing of the engine: it starts once for every file. All numbers are little-endian.
"""

import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import av

SAMPLE_RATE = 16_000
LENGTH = struct.Struct("<q")
ARGUMENT = "--decode-media"  # with which a frozen program becomes this one
NO_SOUND, UNREADABLE, NO_MEMORY = 3, 4, 5

# Only containers that hold their sound themselves: a playlist would have the decoder open what it names.
FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,flv,matroska,webm,mov,mp4,m4a,3gp,mp3,mpeg,mpegts,ogg,opus,tta,w64,"
    "wav,wv"
)
OPTIONS = {"protocol_whitelist": "file,pipe", "format_whitelist": FORMATS}

MEMORY = 2 << 30  # bytes of addresses; a video of ten hours took 0.4 GB of them
CPU_S = 3600  # an hour of MP3 took 4 s
GAP_S = 0.1  # sound that the time stamps say is missing, and that is worth silence in its place
LONGEST_GAP_S = 3600.0  # more is a clock that was set, no silence
GAPS_S = 24 * 3600.0  # no more silence than this is put into a file

Write = Callable[[bytes | memoryview], object]


def main(name: str) -> int:
    """Decode the standard input; return the exit code.

    Args:
        name: Of the file, whose ending helps to tell its format.
    """
    # 0.1 s. av itself loads these only when it meets subtitles: too late, for nothing can be opened then.
    import av.subtitles.codeccontext  # noqa: PLC0415
    import av.subtitles.stream  # noqa: PLC0415
    import av.subtitles.subtitle  # noqa: PLC0415

    file, out = open(0, "rb", closefd=False), open(1, "wb", closefd=False)  # noqa: SIM115
    _confine()
    try:
        return _decode(_Named(file, name), out.write)
    except (av.error.FFmpegError, ValueError):
        return UNREADABLE
    except MemoryError:
        return NO_MEMORY
    except OSError:  # nobody reads any more
        return UNREADABLE
    finally:
        with suppress(OSError):
            out.flush()


def _confine() -> None:
    """Give up what decoding does not need; Windows has no such limits."""
    try:
        import resource  # noqa: PLC0415
    except ImportError:
        return
    limits = (("AS", MEMORY), ("CPU", CPU_S), ("NOFILE", 0), ("FSIZE", 0), ("CORE", 0))
    for name, most in limits:
        with suppress(OSError, ValueError):  # the system's own limit is lower, or it has none of the kind
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))


class _Named:
    """An open file with the name that PyAV asks for."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def _decode(file: _Named, write: Write) -> int:
    import av  # noqa: PLC0415

    with av.open(file, options=OPTIONS, metadata_errors="ignore") as media:
        stream = next(iter(media.streams.audio), None)
        if stream is None:
            return NO_SOUND
        write(LENGTH.pack(_length(media, stream)))
        begins_s = (media.start_time or 0) / av.time_base
        sound = _Sound(write, begins_s)
        for packet in media.demux(stream):
            # What cannot be decoded is left out: a file that breaks off is worth what was heard until then.
            with suppress(av.error.InvalidDataError):
                for frame in packet.decode():
                    sound.add(frame)
        sound.end()
    return 0


def _length(media: "av.container.InputContainer", stream: "av.AudioStream") -> int:
    import av  # noqa: PLC0415

    if stream.duration and stream.time_base:
        return int(stream.duration * stream.time_base * SAMPLE_RATE)
    return int(media.duration / av.time_base * SAMPLE_RATE) if media.duration else -1


class _Sound:
    """Frames of any kind → 16 kHz mono; silence stands where the time stamps say that sound is missing.

    Args:
        write: Takes the sound.
        begins_s: The time stamp of the beginning of the file: subtitles count from there.
    """

    def __init__(self, write: Write, begins_s: float) -> None:
        self._write = write
        self._now_s = begins_s
        self._left_s = GAPS_S
        self._resampler: av.AudioResampler | None = None
        self._kind: tuple[str, str, int] | None = None

    def add(self, frame: "av.AudioFrame") -> None:
        """Take the next frame."""
        import av  # noqa: PLC0415

        kind = frame.format.name, frame.layout.name, frame.sample_rate
        if self._resampler is None or kind != self._kind:  # some streams change in their middle
            self.end()
            self._resampler, self._kind = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE), kind
        if frame.time is not None:
            self._fill(frame.time - self._now_s)
        self._now_s += frame.samples / frame.sample_rate
        frame.pts = None  # the resampler shall not mend times as well
        self._put(self._resampler.resample(frame))

    def end(self) -> None:
        """Write what the resampler still holds."""
        if self._resampler is not None:
            self._put(self._resampler.resample(None))

    def _fill(self, missing_s: float) -> None:
        if not GAP_S < missing_s < min(LONGEST_GAP_S, self._left_s):
            if missing_s >= LONGEST_GAP_S or missing_s < -LONGEST_GAP_S:
                self._now_s += missing_s
            return
        for part_s in _parts(missing_s):
            self._write(bytes(2 * round(part_s * SAMPLE_RATE)))
        self._now_s += missing_s
        self._left_s -= missing_s

    def _put(self, frames: "list[av.AudioFrame]") -> None:
        for frame in frames:
            self._write(memoryview(frame.planes[0])[: 2 * frame.samples])


def _parts(length_s: float) -> Iterator[float]:
    while length_s > 0:
        yield min(length_s, 60.0)
        length_s -= 60.0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

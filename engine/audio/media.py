"""The sound of a media file, decoded by a process that cannot do anything else (`engine.audio.decoder`).

A child that dies, hangs or takes too much memory costs its own file and nothing more. Sound comes as it is asked for:
an hour takes no more memory than a minute.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

import numpy as np
from numpy.typing import NDArray

from engine.audio import decoder
from engine.errors import MediaUnreadable
from engine.installing import is_frozen
from engine.units import samples

PATIENCE_S = 60.0  # without a sample: no decoder thinks that long
BLOCK = samples(8)  # what one read returns at most
_MEND = "Convert it to WAV, FLAC, MP3 or MP4 and try again."


class MediaSound:
    """Reads a media file from its beginning to its end; a context manager.

    Args:
        path: An audio or video file; of several sound tracks the first is taken.
        patience_s: How long the decoder may take for its next sample.

    Attributes:
        length: Samples that the file says it has; None where it does not say. It may be wrong.

    Raises:
        MediaUnreadable: There is no such file, it is none, or there is no sound in it.
    """

    def __init__(self, path: Path, *, patience_s: float = PATIENCE_S) -> None:
        self._path = path
        self._patience_s = patience_s
        self._process = _start(path)
        self._sound: IO[bytes] = cast("IO[bytes]", self._process.stdout)
        self._reader = ThreadPoolExecutor(1)  # a pipe cannot be read with a time limit on every system
        self._read = 0
        try:
            self.length = self._length()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def read(self) -> NDArray[np.int16]:
        """Return the next sound, int16 [n], 16 kHz mono; n is 0 at the end.

        Raises:
            MediaUnreadable: The decoder failed.
        """
        data = self._take(2 * BLOCK)
        if not data:
            self._check()
            if not self._read:
                raise _no_sound(self._path)
        self._read += len(data)
        return np.frombuffer(data[: len(data) & ~1], "<i2")

    def close(self) -> None:
        """End the decoder; closing twice is harmless."""
        self._process.kill()
        self._reader.shutdown()
        self._sound.close()
        self._process.wait()

    def _length(self) -> int | None:
        data = self._take(decoder.LENGTH.size)
        if len(data) < decoder.LENGTH.size:
            self._check()
            raise _unreadable(self._path, "its decoder ended too soon")
        length: int = decoder.LENGTH.unpack(data)[0]
        return length if length > 0 else None

    def _take(self, count: int) -> bytes:
        """Return up to `count` bytes: fewer at the end only."""
        waiting = self._reader.submit(self._sound.read, count)
        try:
            return waiting.result(self._patience_s)
        except TooLate:
            self._process.kill()
            raise _unreadable(self._path, f"its decoder did nothing for {self._patience_s:.0f} s") from None

    def _check(self) -> None:
        """Raise what the exit code of a decoder that has ended says."""
        match self._process.wait():
            case 0:
                return
            case decoder.NO_SOUND:
                raise _no_sound(self._path)
            case decoder.UNREADABLE:
                raise _unreadable(self._path, "it is damaged, or no sound or video of a kind that is known here")
            case decoder.NO_MEMORY:
                raise _unreadable(self._path, "its decoder asked for too much memory")
            case code:
                raise _unreadable(self._path, f"its decoder broke off with {code}")


def _start(path: Path) -> "subprocess.Popen[bytes]":
    """Start the child; it cannot be reached by a Ctrl-C that is meant for us, and ends when nobody reads."""
    if path.is_dir():
        raise MediaUnreadable(f"{path} is a folder", hint="Name a media file in it.")
    if not path.is_file():  # a pipe or a device would be read for ever
        raise MediaUnreadable(f"there is no file {path}", hint="Check the path.")
    try:
        with path.open("rb") as file:
            return subprocess.Popen(
                [*_program(), f"sound{path.suffix}"],
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"MALLOC_ARENA_MAX": "1"},
                start_new_session=sys.platform != "win32",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error


def _program() -> list[str]:
    """Return what starts the decoder: its file, or, frozen, the program itself."""
    if is_frozen():
        return [sys.executable, decoder.ARGUMENT]
    return [sys.executable, "-I", str(Path(decoder.__file__))]


def _no_sound(path: Path) -> MediaUnreadable:
    return MediaUnreadable(f"{path.name} has no sound in it", hint="Choose an audio or video file.")


def _unreadable(path: Path, reason: str) -> MediaUnreadable:
    return MediaUnreadable(f"{path.name} cannot be read: {reason}", hint=_MEND)


def listed(path: Path) -> bool:
    """Whether a file's name ends as media files' names do."""
    return path.suffix.lower() in ENDINGS


ENDINGS = frozenset(
    f".{ending}"
    for ending in (
        "3g2 3gp aac ac3 aif aifc aiff amr ape asf au avi caf eac3 f4v flac flv m2ts m4a m4b m4v mka mkv mov mp2 mp3 "
        "mp4 mpeg mpg mts oga ogg ogm ogv opus qt snd spx ts tta vob w64 wav weba webm wma wmv wv"
    ).split()
)

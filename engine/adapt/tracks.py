"""Sound that is ready to be drawn from: 16 kHz, on disk, cut into takes.

A track is two files in the work folder: `NAME.pcm`, int16, and `NAME.json`, what is in it. The second is written last
and under another name first, so that a track is whole or not there. Takes are read through a memory map: an hour costs
no memory.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from engine.adapt.sources import Kind
from engine.errors import DiskFull
from engine.records import Samples

Pcm = NDArray[np.int16]
VERSION = 1


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a track that stands for itself: an utterance, a noise.

    Attributes:
        start: First sample.
        stop: One past the last.
        text: What is said, where it is known.
    """

    start: int
    stop: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What a track is.

    Attributes:
        kind: Of all of it.
        source: A package, a program or a folder.
        voice: Who speaks, or which file it was.
        licence: SPDX, or whose it is.
        language: ISO 639-1 of speech; empty where nobody knows it.
        credit: Whose it is, where a licence wants that said.
        held_out: It is for measuring, never for training.
        own: The user's.
        made: A synthesiser speaks.
    """

    kind: Kind
    source: str
    voice: str
    licence: str
    language: str = ""
    credit: str = ""
    held_out: bool = False
    own: bool = False
    made: bool = False


@dataclass(frozen=True)
class Track:
    """One track of the work folder.

    Attributes:
        path: Of its sound.
        about: What it is.
        spans: Its takes, in order.
    """

    path: Path
    about: About
    spans: tuple[Span, ...]

    @property
    def length(self) -> int:
        """Samples in all takes."""
        return sum(span.stop - span.start for span in self.spans)

    def sound(self, start: int, stop: int) -> Samples:
        """Return what is between two samples, float32 [stop - start], within [-1, 1]."""
        return self._pcm[start:stop].astype(np.float32) / np.float32(32768)

    @cached_property
    def _pcm(self) -> Pcm:
        return np.memmap(self.path, np.int16, "r")


def read_track(path: Path) -> Track | None:
    """Return the track whose sound is to lie at a path; None where it is not there, or not whole."""
    try:
        told = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        if told["version"] != VERSION or path.stat().st_size != told["bytes"]:
            return None
        about = About(**told["about"] | {"kind": Kind(told["about"]["kind"])})
        return Track(path, about, tuple(Span(*span) for span in told["spans"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_sound(path: Path, pieces: Iterable[tuple[Pcm, Sequence[Span]]]) -> tuple[list[Span], int]:
    """Write pieces of sound end to end, and return their takes in the whole, and its length.

    Args:
        path: The folder exists.
        pieces: Sound with its takes, counted from its own first sample.

    Raises:
        DiskFull: There is no room.
    """
    spans: list[Span] = []
    at = 0
    with path.open("wb") as file:
        for pcm, takes in pieces:
            _put(file, pcm)
            spans += (Span(take.start + at, take.stop + at, take.text) for take in takes)
            at += len(pcm)
    return spans, at


def _put(file: BinaryIO, pcm: Pcm) -> None:
    try:
        file.write(pcm.astype("<i2").tobytes())
    except OSError as error:
        raise DiskFull(
            f"{file.name} cannot be written: {error.strerror or error}", hint="Make room there, or name another folder."
        ) from error


def write_track(path: Path, about: About, spans: Sequence[Span], length: int) -> Track:
    """Tell what `write_sound` wrote: it is a track from now on."""
    told = {
        "version": VERSION,
        "bytes": 2 * length,
        "about": asdict(about),
        "spans": [[span.start, span.stop, span.text] for span in spans],
    }
    part = path.with_suffix(".part")
    part.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    part.replace(path.with_suffix(".json"))
    return Track(path, about, tuple(spans))


def to_pcm(sound: Samples) -> Pcm:
    """Return sound as int16; what is too loud is clipped."""
    return (np.clip(sound, -1, 1) * 32767).astype(np.int16)

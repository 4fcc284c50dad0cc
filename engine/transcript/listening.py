"""What was said, heard once more: spans of a session out of the sound that was kept of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.sources import FileSource
from engine.errors import MediaUnreadable
from engine.records import AudioBlock
from engine.transcript.sound import SoundFile, sound_files

Pcm = NDArray[np.int16]
Span = tuple[int, int]  # first sample of the session, one past the last


@dataclass(frozen=True, slots=True)
class KeptSound:
    """A span of a session.

    Attributes:
        pcm: int16 [n], 16 kHz mono; silence where nothing was kept.
        known: How many of its samples were kept.
    """

    pcm: Pcm
    known: int


def kept_sounds(folder: Path, session: str, spans: Sequence[Span]) -> list[KeptSound]:
    """Return spans of a session, each file of its sound read once.

    Args:
        folder: Of its journal.
        session: Its full name.
        spans: In any order; they may overlap.
    """
    sounds = [np.zeros(stop - start, np.int16) for start, stop in spans]
    known = [0] * len(spans)
    last = max((stop for _, stop in spans), default=0)
    for file in sound_files(folder, session):
        for at, pcm in _blocks(file, last):
            for index, (start, stop) in enumerate(spans):
                first, end = max(start, at), min(stop, at + len(pcm))
                if first < end:
                    sounds[index][first - start : end - start] = pcm[first - at : end - at]
                    known[index] += end - first
    return [KeptSound(*each) for each in zip(sounds, known, strict=True)]


def _blocks(file: SoundFile, last: int) -> Iterator[tuple[int, Pcm]]:
    """Yield the sound of a file with its place, until sample `last`; nothing of one that cannot be read."""
    at, source = file.start, FileSource(file.path)
    try:
        source.open()
        while at < last and not source.exhausted:
            for block in source.read(0.0):
                if isinstance(block, AudioBlock):
                    yield at, np.round(block.frames[:, 0] * 32768).astype(np.int16)
                    at += len(block.frames)
    except MediaUnreadable:  # a file of which nothing was written but its name
        return
    finally:
        source.close()

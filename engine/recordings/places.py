"""Which files are meant, and where their transcripts go."""

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.audio.media import listed


@dataclass(frozen=True, slots=True)
class Place:
    """A recording and where its transcript goes.

    Attributes:
        recording: The media file.
        target: The transcript, without the ending that its format adds.
    """

    recording: Path
    target: Path


def places(given: Iterable[str], output: Path | None) -> list[Place]:
    """Return the recordings that are meant, each once, in order, and a target for each that no other has.

    A transcript is called as its recording: `talk.mp4` → `talk`. Where another recording beside it has that name
    too, the ending stays in it: `talk.mp4` → `talk.mp4`.

    Args:
        given: Files, folders (the media files in them and below), patterns with *, ? and [ ].
        output: The folder for transcripts; what is in a given folder lies there as it does in that. None: beside
            the recordings.
    """
    found = list(dict.fromkeys(_recordings(given)))
    stems: dict[Path, Counter[str]] = {}
    taken: set[str] = set()
    placed = []
    for recording, within in found:
        folder = recording.parent if output is None else output / within
        target = next(path for path in _names(recording, folder, stems) if _key(path) not in taken)
        taken.add(_key(target))
        placed.append(Place(recording, target))
    return placed


def _recordings(given: Iterable[str]) -> Iterator[tuple[Path, Path]]:
    """Yield each file and the folder that it lies in, seen from the given one."""
    for name in given:
        path = Path(name)
        if path.is_dir():
            yield from ((file, file.parent.relative_to(path)) for file in _below(path))
        elif not path.exists() and glob.has_magic(name):
            matches = sorted(map(Path, glob.glob(name, recursive=True)))  # noqa: PTH207  # it may be absolute
            yield from ((match, Path()) for match in matches if match.is_file()) if matches else [(path, Path())]
        else:
            yield path, Path()


def _below(folder: Path) -> Iterator[Path]:
    """Yield the media files of a folder and of those in it, in order; what is hidden is left out."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if not name.startswith(".") and listed(path) and path.is_file():
                yield path


def _names(recording: Path, folder: Path, stems: dict[Path, Counter[str]]) -> Iterator[Path]:
    """Yield names for a transcript, the best first; `stems` remembers what lies in a folder."""
    if recording.parent not in stems:
        stems[recording.parent] = _stems(recording.parent)
    if stems[recording.parent][recording.stem.casefold()] <= 1:
        yield folder / recording.stem
    yield folder / recording.name
    yield folder / f"{recording.absolute().parent.name} {recording.name}"
    number = 2
    while True:
        yield folder / f"{recording.name} {number}"
        number += 1


def _stems(folder: Path) -> Counter[str]:
    """Count the media files of a folder that differ in their endings only."""
    try:
        files = [Path(name) for name in os.listdir(folder)]  # noqa: PTH208  # names alone
    except OSError:
        return Counter()
    return Counter(file.stem.casefold() for file in files if listed(file))


def _key(path: Path) -> str:
    return str(path.absolute()).casefold()  # some file systems know no case

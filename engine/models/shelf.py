"""The models that Undertext has made ready: int8, whole, each in a folder with a note of what it is.

A folder appears on the shelf by one rename, so that what stands there was finished. The note,
`undertext.json`, has the SHA-256 of every file, and of the published file it was made from; nothing is taken
from the shelf unhashed.
"""

import json
import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.errors import ModelCorrupt
from engine.models.catalog import lacking
from engine.models.checks import Checked, Trust
from engine.models.disk import new_folder, private_folder, sync_folder
from engine.models.installed import NOTE
from engine.models.pins import Measure, Pin, measure
from engine.models.places import Place
from engine.models.quantise import quantise
from engine.whisper.model_bin import joined

_ABANDONED_S = 86_400.0  # nobody makes one model for a day


class Shelf:
    """The folder of ready models.

    Args:
        folder: Need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, name: str) -> bool:
        """Return whether something stands there under that name, good or not."""
        return (self.folder / name).is_dir()

    def take(self, name: str, pins: Mapping[str, Pin]) -> Trust:
        """Check a ready model, every byte of it.

        Args:
            name: It stands in `folder / name`.
            pins: What the files it was made from must have been.

        Raises:
            ModelCorrupt: Names the file that is not what it was; the model must be made again.
        """
        path = self.folder / name
        note = self._note(path)
        for file, sha256 in note["made_from"].items():
            if pins.get(file, Pin(file)).sha256 not in (None, sha256):
                raise ModelCorrupt(f"{path} was made from another {file} than the published one")
        for file, (size, sha256) in note["files"].items():
            if not Pin(file, size, sha256).holds(_found(path / file)):
                raise ModelCorrupt(f"{file} in {path} has changed since it was made")
        return Trust(note["trust"])

    def put(self, name: str, place: Place, checked: Checked) -> None:
        """Make a model ready from a checked place: its parts joined, its weights int8.

        Two processes may do so at once; one of them wins, and the bytes are the same.

        Raises:
            OSError: It cannot be written.
            ValueError: The weights are no model.
        """
        self._sweep()
        with new_folder(self.folder, name) as fresh:
            made = {file: _made(place, file, fresh / file) for file in place.files}
            note = {
                "model": name,
                "trust": checked.trust.value,
                "made_from": {file: found.sha256 for file, found in checked.measures.items()},
                "files": {file: [found.bytes, found.sha256] for file, found in made.items()},
            }
            _write(fresh / NOTE, json.dumps(note, indent=1).encode())
            sync_folder(fresh)
            self._swap(fresh, name)

    def remove(self, name: str) -> None:
        """Take a model off the shelf and delete it.

        Raises:
            OSError: It cannot be deleted.
        """
        if self.has(name):
            with new_folder(self.folder, name) as aside:
                (self.folder / name).rename(aside / name)

    def _swap(self, fresh: Path, name: str) -> None:
        """Move a finished folder to its place, past what was refused there."""
        target = self.folder / name
        while True:
            try:
                fresh.rename(target)
            except OSError:
                if not target.exists():
                    raise
            else:
                return sync_folder(self.folder)
            if self._same(fresh, target):  # another process was faster; somebody may be loading it
                return None
            with new_folder(self.folder, name) as aside, suppress(FileNotFoundError):
                target.rename(aside / name)

    def _same(self, fresh: Path, target: Path) -> bool:
        try:
            self.take(target.name, {})
        except ModelCorrupt:
            return False
        return (fresh / NOTE).read_bytes() == (target / NOTE).read_bytes()

    def _note(self, path: Path) -> dict[str, Any]:
        try:
            note = json.loads((path / NOTE).read_bytes())
            whole = not lacking(note["files"]) and set(note["files"]) == set(note["made_from"])
            known = Trust(note["trust"]) is not Trust.UNKNOWN
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise ModelCorrupt(f"{NOTE} in {path} is damaged") from error
        if not (whole and known):
            raise ModelCorrupt(f"{NOTE} in {path} is damaged")
        return dict(note)

    def _sweep(self) -> None:
        """Delete what processes that were killed have left half made."""
        for path in private_folder(self.folder).glob(".*"):
            if time.time() - path.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(path, ignore_errors=True)


def _made(place: Place, name: str, target: Path) -> Measure:
    with joined(place.files[name]) as source, target.open("xb") as file:
        if name == "model.bin":
            quantise(source, file)
        else:
            shutil.copyfileobj(source, file)
        file.flush()
        os.fsync(file.fileno())
    return measure(name, (target,))


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _found(path: Path) -> Measure:
    try:
        return measure(path.name, (path,))
    except OSError as error:
        raise ModelCorrupt(f"{path.name} in {path.parent} cannot be read: {error.strerror}") from error

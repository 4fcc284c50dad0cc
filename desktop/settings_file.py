"""The settings on disk: one JSON file, written atomically, with the one before it as `.bak`.

A file that cannot be read is set aside as `.broken` and the backup is taken; the program starts in any case.
"""

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from desktop.settings import VERSION, AppSettings, from_json, to_json
from engine.errors import SettingsError

MAX_BYTES = 1 << 20
_UNREADABLE = (OSError, TypeError, ValueError, RecursionError)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of reading.

    Attributes:
        settings: Always usable.
        replaced: Names of values that gave way to their defaults.
        broken: Name of the file that was set aside, or nothing.
        from_backup: The settings are those before the last change.
    """

    settings: AppSettings
    replaced: tuple[str, ...] = ()
    broken: str = ""
    from_backup: bool = False


class SettingsFile:
    """One file of settings.

    Args:
        path: Of the file; its folder is made when something is saved.

    Thread: GUI.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._backup = path.with_name(f"{path.name}.bak")

    def load(self) -> Loaded:
        """Read the file, or the one before it, or take the defaults; never raises."""
        try:
            return _loaded(self._path)
        except FileNotFoundError:
            return Loaded(AppSettings())
        except _UNREADABLE:
            aside = self._path.with_name(f"{self._path.name}.broken")
            with suppress(OSError):
                self._path.replace(aside)
        try:
            backup = _loaded(self._backup)
        except _UNREADABLE:
            return Loaded(AppSettings(), broken=aside.name)
        return Loaded(backup.settings, backup.replaced, broken=aside.name, from_backup=True)

    def save(self, settings: AppSettings) -> None:
        """Write the file if it changes; what it held goes to the backup.

        Raises:
            SettingsError: The disk refuses.
        """
        data = _encoded(settings)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            before = self._path.read_bytes() if self._path.exists() else b""
            if before == data:
                return
            if before:
                _write(self._backup, before)
            _write(self._path, data)
        except OSError as error:
            raise SettingsError(
                f"{self._path.name} cannot be written ({error.strerror})",
                hint=f"Make room in {self._path.parent}, or allow writing there.",
            ) from error


def decoded(data: bytes) -> Loaded:
    """Return what the bytes of a file say.

    Raises:
        TypeError, ValueError, RecursionError: They are no settings.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes")
    content = json.loads(data)
    if not isinstance(content, dict):
        raise TypeError("no object")
    content.pop("version", None)
    settings, replaced = from_json(AppSettings, content)
    return Loaded(settings, tuple(replaced))


def _loaded(path: Path) -> Loaded:
    with path.open("rb") as file:
        return decoded(file.read(MAX_BYTES + 1))


def _encoded(settings: AppSettings) -> bytes:
    content = {**to_json(settings), "version": VERSION}
    data = json.dumps(content, indent=2).encode()
    if len(data) > MAX_BYTES:  # indented, what a newer version left has grown past what is read
        data = json.dumps(content, separators=(",", ":")).encode()
    return data


def _write(path: Path, data: bytes) -> None:
    """Replace a file atomically, readable by its owner only."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise

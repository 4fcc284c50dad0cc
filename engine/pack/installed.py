"""The GPU pack that is installed: whether it is whole and made for this program, and where Python finds what it brings.

Only a packaged program has a place for one. It is looked at when a graphics card is, before torch is: a machine without
a card, and a command that computes nothing, pay nothing for it.
"""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

from engine.errors import PackRefused
from engine.pack.manifest import AGAIN, NAME, SITE, Manifest, Program


class Pack:
    """The pack of this process: in no place until one is told."""

    def __init__(self) -> None:
        self._folder: Callable[[], Path] | None = None

    def lies_in(self, folder: Callable[[], Path]) -> None:
        """Say where it would be installed.

        Args:
            folder: Is asked when a graphics card is looked for.
        """
        self._folder = folder

    def bring(self) -> None:
        """Let Python find what the pack brings; without a pack nothing changes.

        Raises:
            PackRefused: There is one that cannot be used.
            SettingsError: Its place cannot be.
        """
        if self._folder is None or str((folder := self._folder()) / SITE) in sys.path:
            return
        if find(folder) is not None:
            bring(folder)


PACK = Pack()


def find(folder: Path, program: Program | None = None) -> Manifest | None:
    """Return what is installed, after a look at the size of every file; None where nothing is.

    Args:
        folder: Of the pack, which need not exist.
        program: That it has to fit; None for this one.

    Raises:
        PackRefused: It is damaged, or made for another program.
    """
    if not folder.is_dir():
        return None
    try:
        manifest = Manifest.read((folder / NAME).read_bytes())
        manifest.must_fit(program or Program.this())
        for file in manifest.files:
            if (size := (folder / file.name).stat().st_size) != file.bytes:
                raise _damaged(folder, f"{file.name} has {size} bytes and not {file.bytes}")
    except FileNotFoundError as error:
        raise _damaged(folder, f"{Path(error.filename).name} is missing") from error
    except OSError as error:
        raise _damaged(folder, error.strerror or str(error)) from error
    return manifest


def bring(folder: Path) -> None:
    """Let Python look into a pack, behind everything that the program brings itself."""
    sys.path.append(str(folder / SITE))
    importlib.invalidate_caches()


def _damaged(folder: Path, reason: str) -> PackRefused:
    return PackRefused(f"the GPU pack in {folder} is damaged: {reason}", hint=AGAIN)

"""What the frozen program does before anything else: it finds its own libraries, and lets no other program find them.

PyInstaller runs this first (`runtime_hooks` of undertext.spec).
"""

import ctypes.util
import os
import sys
from pathlib import Path


def _ours_first() -> None:
    """Let `find_library` look into the bundle, which it does not by itself; sounddevice asks it for PortAudio."""
    of_the_system = ctypes.util.find_library

    def find_library(name: str) -> str | None:
        ours = sorted(Path(sys._MEIPASS).glob(f"lib{name}.so*"))  # type: ignore[attr-defined]
        return str(ours[0]) if ours else of_the_system(name)

    ctypes.util.find_library = find_library


def _others_theirs() -> None:
    """Give programs that we start the system's libraries: PyInstaller's loader has put ours before them."""
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", "")
    if before:
        os.environ["LD_LIBRARY_PATH"] = before
    else:
        os.environ.pop("LD_LIBRARY_PATH", None)


if sys.platform == "linux":
    _ours_first()
    _others_theirs()

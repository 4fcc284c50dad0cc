"""The scripts of packaging/, which is no package: imported by name from their folder."""

import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
LINUX = PACKAGING / "linux"
WINDOWS = PACKAGING / "windows"


def part(name):
    """Return a script as a module."""
    for folder in (PACKAGING, LINUX, WINDOWS):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
    return importlib.import_module(name)

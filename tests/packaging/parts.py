"""The scripts of packaging/, which is no package: imported by name from their folder."""

import importlib
import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
LINUX = PACKAGING / "linux"
MACOS = PACKAGING / "macos"
WINDOWS = PACKAGING / "windows"


def part(name, among=None):
    """Return a script as a module; the folder has to be told of one whose name another system's has as well."""
    for folder in (PACKAGING, LINUX, MACOS, WINDOWS):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
    if among is None:
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(f"{among.name}_{name}", among / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

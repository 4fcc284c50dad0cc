"""The scripts of packaging/, which is no package: imported by name from their folder."""

import importlib
import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
LINUX = PACKAGING / "linux"
MACOS = PACKAGING / "macos"


def part(name, folder=PACKAGING):
    """Return a script as a module; those of a system's folder have names that another system's have as well."""
    for known in (PACKAGING, folder):
        if str(known) not in sys.path:
            sys.path.append(str(known))
    if folder == PACKAGING:
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(f"{folder.name}_{name}", folder / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

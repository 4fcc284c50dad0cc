"""What `hollow_so.py` does for Linux, for the libraries of macOS: one with nothing in it in the place of an encoder.

Written from documents; the tables that it reads are those of real wheels, it has made no library on a Mac.
"""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import bundle

_SYMBOL = re.compile(r"^[0-9a-f]+ (?P<kind>[A-Z]) _(?P<name>\S+)$")
_NAMED = re.compile(
    r"^\t(?P<name>\S+) \(compatibility version (?P<least>[\d.]+), current version (?P<current>[\d.]+)\)$"
)
_DATA_BYTES = 4096  # of each variable: libraries of macOS do not say how long theirs are


def hollow(library: Path, users: Iterable[Path], folder: Path) -> Path:
    """Write the hollow one of a library.

    Args:
        library: What it stands for.
        users: Libraries that may take something from it: those that lie beside it.
        folder: Where it is written, under the same name.

    Returns:
        The new library.

    Raises:
        ValueError: It does not say what it is called.
        subprocess.CalledProcessError: The command line tools of Xcode are not here.
    """
    has = defined(_told("nm", "-g", "-U", str(library)))
    wanted = {name for user in users for name in undefined(_told("nm", "-g", "-u", str(user)))}
    made, source = folder / library.name, folder / f"{library.name}.c"
    folder.mkdir(parents=True, exist_ok=True)
    source.write_text(code({name: has[name] for name in sorted(wanted & has.keys())}), encoding="ascii")
    subprocess.run(compiling(source, made, _told("otool", "-L", str(library))), check=True)
    return made


def defined(told: str) -> dict[str, str]:
    """Return what a library offers, by name: what kind of thing it is, as `nm -g -U` prints it."""
    return {found["name"]: found["kind"] for line in told.splitlines() if (found := _SYMBOL.match(line))}


def undefined(told: str) -> list[str]:
    """Return the names that a library takes from others, as `nm -g -u` prints them."""
    return [line.split()[-1].removeprefix("_") for line in told.splitlines() if line.strip()]


def code(offered: dict[str, str]) -> str:
    """Return the source of a library whose functions return 0 and whose variables are 0."""
    return "".join(
        f"void *{name}(void) {{ return 0; }}\n"
        if kind == "T"
        else f"__attribute__((aligned(16))) char {name}[{_DATA_BYTES}];\n"
        for name, kind in offered.items()
    )


def compiling(source: Path, made: Path, told: str) -> list[str]:
    """Return the command that compiles it.

    Args:
        source: In C.
        made: The library.
        told: What `otool -L` prints of the one that it stands for: its own name and versions come first. A library that
            was linked with it is loaded with no earlier version than it saw.

    Raises:
        ValueError: There is no such line.
    """
    own = next((found for line in told.splitlines() if (found := _NAMED.match(line))), None)
    if own is None:
        raise ValueError(f"{made.name} has no name of its own")
    versions = ["-compatibility_version", own["least"], "-current_version", own["current"]]
    # PyInstaller writes other paths into it: they want room.
    named = ["-install_name", own["name"], *versions, "-Wl,-headerpad_max_install_names"]
    oldest = f"-mmacosx-version-min={bundle.LEAST_MACOS}"
    return ["clang", "-dynamiclib", "-Os", oldest, *named, "-o", str(made), str(source)]


def _told(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout

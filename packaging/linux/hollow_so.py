"""Libraries with nothing in them, in the place of those that a wheel needs to be loaded and Undertext never calls.

PyAV's FFmpeg encodes video as well, with libraries of 30 MB, two of them under the GPL; Debian's PortAudio speaks to
JACK. A hollow library has the name, and every function that the others take from it returns 0: "there is no such
encoder", "there is no such server". FFmpeg and PortAudio take both for an answer.
"""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

_SYMBOL = re.compile(r"^(?P<value>[0-9a-f]+)? *(?P<size>[0-9a-f]+)? +(?P<kind>\w) (?P<name>[^@\s]+)(?P<version>@\S+)?$")


def hollow(library: Path, users: Iterable[Path], folder: Path) -> Path:
    """Write the hollow one of a library.

    Args:
        library: What it stands for.
        users: Libraries that may take something from it: those that lie beside it.
        folder: Where it is written, under the same name.

    Returns:
        The new library.

    Raises:
        ValueError: It has versions of its symbols: a hollow one would have to have them as well.
        subprocess.CalledProcessError: There is no compiler, or no binutils.
    """
    has = _defined(library)
    wanted = sorted({name for user in users for name in _wanted(user)} & set(has))
    if versioned := [name for name in wanted if has[name][2]]:
        raise ValueError(f"{library.name} has versions of {', '.join(versioned)}")
    made, source = folder / library.name, folder / f"{library.name}.c"
    folder.mkdir(parents=True, exist_ok=True)
    source.write_text("".join(_line(name, *has[name][:2]) for name in wanted), encoding="ascii")
    command = ["gcc", "-shared", "-fPIC", "-Os", "-s", "-Wl,--build-id=none", f"-Wl,-soname,{_soname(library)}"]
    subprocess.run([*command, "-o", str(made), str(source)], check=True)
    return made


def _line(name: str, kind: str, size: int) -> str:
    return f"char {name}[{max(size, 1)}];\n" if kind in "BDRVbdrv" else f"void *{name}(void) {{ return 0; }}\n"


def _symbols(library: Path, *options: str) -> list[re.Match[str]]:
    told = subprocess.run(["nm", "-D", "-S", *options, str(library)], check=True, capture_output=True, text=True)
    return [match for line in told.stdout.splitlines() if (match := _SYMBOL.match(line.strip()))]


def _defined(library: Path) -> dict[str, tuple[str, int, str]]:
    """Return the kind, size and version of what a library offers, by name."""
    return {
        found["name"]: (found["kind"], int(found["size"] or "0", 16), found["version"] or "")
        for found in _symbols(library, "--defined-only")
    }


def _wanted(library: Path) -> list[str]:
    told = subprocess.run(["nm", "-D", "-u", str(library)], check=True, capture_output=True, text=True)
    return [line.split()[-1].partition("@")[0] for line in told.stdout.splitlines() if line.strip()]


def _soname(library: Path) -> str:
    told = subprocess.run(["readelf", "-d", str(library)], check=True, capture_output=True, text=True)
    found = re.search(r"\(SONAME\).*\[(.+)\]", told.stdout)
    return found[1] if found else library.name

"""Make the Windows installer of dist/undertext, and its checksum: NSIS compiles undertext.nsi.

python packaging/windows/installer.py [--out DIR] [--version V]
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import contents  # noqa: E402
import freeze  # noqa: E402
import origins  # noqa: E402
import release  # noqa: E402
from version_file import COPYRIGHT, PUBLISHER, numbers  # noqa: E402

# What the installer itself is: 32 bits run on every Windows, so that one of 32 bits can be told in a sentence that
# it is too small. NSIS as it comes for Windows makes no other; Debian's also makes amd64-unicode.
TARGET = "x86-unicode"
SYSTEM = "windows-amd64"  # there are no wheels for another
UNINSTALLER = "uninstall.exe"
_HINT = "Install NSIS 3 (https://nsis.sourceforge.io, or: winget install NSIS.NSIS), or name makensis in the path."


class NoCompiler(Exception):
    """NSIS is not on this machine."""


def installer(frozen: Path, out: Path, version: str, epoch_s: int, target: str = TARGET) -> Path:
    """Make the installer; return it.

    Args:
        frozen: The frozen program.
        out: The folder that it is written to.
        version: As Windows' list of programs shows it.
        epoch_s: The time that the installer says it was made.
        target: What NSIS calls the system that it runs on.

    Raises:
        NoCompiler: There is no NSIS.
        subprocess.CalledProcessError: NSIS ended with an error or a warning, which it has printed.
    """
    made = out / f"{contents.PROGRAM}-{version}-{SYSTEM}-setup.exe"
    with TemporaryDirectory() as work:
        listed = Path(work, "installed.txt")
        listed.write_bytes("".join(f"{place}\r\n" for place in installed(frozen)).encode("utf-16-le"))
        names = {
            "TARGET": target,
            "OUT": made.resolve(),
            "FROZEN": frozen.resolve() / "*",
            "LIST": listed,
            "ICON": contents.ROOT / "assets" / "icon.ico",
            "VERSION": version,
            "NUMBERS": ".".join(map(str, numbers(version))),
            "KIBIBYTES": kibibytes(frozen),
            "PUBLISHER": PUBLISHER,
            "COPYRIGHT": COPYRIGHT,
        }
        told = [f"-D{name}={value}" for name, value in names.items()]
        command = [compiler(), "-V2", "-WX", "-INPUTCHARSET", "UTF8", *told, str(HERE / "undertext.nsi")]
        subprocess.run(command, env=os.environ | {"SOURCE_DATE_EPOCH": str(epoch_s)}, check=True)
    return made


def installed(frozen: Path) -> Iterator[str]:
    r"""Yield what is put on the disk, as Windows has it: files, then folders from the deepest, which end with \."""
    paths = sorted(frozen.rglob("*"), key=lambda path: path.relative_to(frozen).as_posix())
    places = {path: path.relative_to(frozen).as_posix().replace("/", "\\") for path in paths}
    yield from (place for path, place in places.items() if not path.is_dir())
    yield UNINSTALLER
    yield from (f"{place}\\" for path, place in reversed(places.items()) if path.is_dir())


def kibibytes(frozen: Path) -> int:
    """Return the room that the program takes, as Windows' list of programs counts it."""
    return sum(path.stat().st_size for path in frozen.rglob("*") if path.is_file()) // 1024


def compiler() -> str:
    """Return makensis: of the path, or where NSIS puts it on Windows.

    Raises:
        NoCompiler: It is in neither.
    """
    if found := shutil.which("makensis"):
        return found
    folders = (os.environ.get(name) for name in ("PROGRAMFILES(X86)", "PROGRAMFILES"))
    usual = (Path(folder, "NSIS", "makensis.exe") for folder in folders if folder)
    there = next((str(path) for path in usual if path.is_file()), None)
    if there is None:
        raise NoCompiler(_HINT)
    return there


def main() -> None:
    """Make everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=freeze.DIST, help="where it is written (default: dist)")
    parser.add_argument("--version", default=origins.version(), help="of the installer, to try an upgrade")
    parser.add_argument("--compiler", action="store_true", help="print where NSIS is, and make nothing")
    options = parser.parse_args()
    try:
        if options.compiler:
            print(compiler())
            return
        options.out.mkdir(parents=True, exist_ok=True)
        made = installer(freeze.FROZEN, options.out, options.version, freeze.committed_s())
    except NoCompiler as hint:
        sys.exit(str(hint))
    sums = release.checksums([made, *release.beside(options.out)], options.out)
    print(release.told([made, sums]))


if __name__ == "__main__":
    main()

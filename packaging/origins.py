"""Whose everything in the frozen program is: Python's packages, what they carry, Debian's libraries, models, ourselves.

PyInstaller's tables, which `undertext.spec` writes down, say which file each came from.
"""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path

import contents

from desktop.version import VERSION

_VENDORED = Path(__file__).with_name("vendored.tsv")
# In these folders wheels carry libraries of others.
_CARRIED = (".libs/", ".dylibs/", "Qt/lib/", "_sounddevice_data/portaudio-binaries/")
MICROSOFT = "LicenseRef-Microsoft-Visual-C-Runtime"
_LIBRARY = (".so", ".dll", ".dylib", ".framework/versions/")
_DOCUMENTED = Path("/usr/share/doc")
_COPIED = Path(__file__).with_name("texts") / "debian"  # of it, what is needed where there is no Debian


class LicenceUnknown(Exception):
    """Something in the bundle has no licence that is written down anywhere here."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A file of the bundle.

    Attributes:
        kind: PyInstaller's word for it.
        place: In the bundle, or the name of a module.
        source: Where it was taken from.
    """

    kind: str
    place: str
    source: Path


@dataclass(slots=True)
class Component:
    """Something that somebody publishes.

    Attributes:
        name: As its publisher has it.
        version: Of it, or of what carried it.
        licence: As SPDX has it, or as its publisher wrote it.
        purl: Where packages are listed; empty for what is in no list.
        texts: Files with its licence.
        places: What the bundle has of it.
    """

    name: str
    version: str
    licence: str
    purl: str = ""
    texts: list[Path] = field(default_factory=list)
    places: list[str] = field(default_factory=list)


def read(table: Path) -> list[Origin]:
    """Return the files that the spec wrote down."""
    lines = (line.split("\t") for line in table.read_text(encoding="utf-8").splitlines())
    return [Origin(kind, place, Path(source)) for kind, place, source in lines if kind != "SYMLINK"]


def components(origins: Iterable[Origin]) -> list[Component]:
    """Return everything that the bundle is made of, by name; PyInstaller's loader comes with its hooks.

    Raises:
        LicenceUnknown: A library that a wheel carries is in no line of vendored.tsv.
    """
    found: dict[tuple[str, str], Component] = {}
    for origin in origins:
        for one in _of(origin):
            kept = found.setdefault((one.name, one.version), one)
            kept.places.append(origin.place)
    return sorted(found.values(), key=lambda one: (one.name.lower(), one.version))


def version() -> str:
    """Return the version of Undertext."""
    return VERSION


def _of(origin: Origin) -> Iterator[Component]:
    carried = contents.hollow_name(origin.place)
    owner = _owners().get(os.path.normcase(origin.source))
    if carried:
        yield _ours()
    elif origin.place.startswith("assets/models/") and origin.place.count("/") > 2:
        yield _model(origin.source.parent.name)
    elif owner is not None:
        vendored = [row for row in _vendored() if fnmatchcase(origin.place, row["place"])]
        if not vendored and _is_carried(origin.place):
            raise LicenceUnknown(f"{origin.place} has no line in {_VENDORED.name}")
        for row in vendored:
            yield _carried(row, owner)
        if not any(folder in origin.place for folder in _CARRIED):
            yield published(owner)
    elif origin.source.is_relative_to(contents.ROOT):
        yield _ours()
    elif origin.source.is_relative_to(sys.base_prefix):
        yield _python()
    elif contents.is_of_windows(str(origin.source)):
        yield _of_microsoft()
    else:
        yield _of_debian(origin.source)


def _is_carried(place: str) -> bool:
    """Whether a library stands where wheels carry those of others, and so needs a line in vendored.tsv."""
    return any(folder in place for folder in _CARRIED) and any(ending in place.lower() for ending in _LIBRARY)


@cache
def _owners() -> dict[str, Distribution]:
    """Return whose each file of this environment is."""
    return {
        os.path.normcase(str(found.locate_file(file))): found
        for found in distributions()
        if not found.name.lower().startswith("undertext")
        for file in found.files or ()
    }


# What SPDX calls the licences that packages name in their own words.
_SPDX = {
    "MIT License": "MIT", "Apache Software License": "Apache-2.0", "BSD License": "BSD-3-Clause",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-or-later WITH Bootloader-exception",  # PyInstaller's
}  # fmt: skip


def published(package: Distribution) -> Component:
    """Return what the metadata of a Python package say of it."""
    told = package.metadata
    said = told.get("License-Expression") or _classified(package) or told.get("License") or ""
    files = [Path(str(package.locate_file(file))) for file in package.files or ()]
    texts = [file for file in files if _is_licence(file)]
    return Component(package.name, package.version, _SPDX.get(said, said), _purl("pypi", package), texts)


def _classified(package: Distribution) -> str:
    classes = package.metadata.get_all("Classifier") or []
    said = [line.rpartition(" :: ")[2] for line in classes if line.startswith("License :: OSI Approved :: ")]
    return " OR ".join(said)


def _is_licence(file: Path) -> bool:
    name = file.name.lower()
    return name.startswith(("licen", "copying", "notice", "thirdpartynotices")) and file.suffix not in {".py", ".pyc"}


def _purl(kind: str, package: Distribution) -> str:
    return f"pkg:{kind}/{package.name.lower().replace('_', '-')}@{package.version}"


@cache
def _vendored() -> list[dict[str, str]]:
    with _VENDORED.open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table, delimiter="\t"))


def _carried(row: dict[str, str], owner: Distribution) -> Component:
    return Component(row["name"], f"in {owner.name} {owner.version}", row["licence"], "", _texts(row["text"], owner))


def _texts(told: str, owner: Distribution) -> list[Path]:
    """Return where a licence stands: in the wheel's own, in a file of ours, in what Debian has of it, or nowhere."""
    match told:
        case "-":
            return []
        case "wheel":
            return published(owner).texts
        case file if "/" in file:
            return [_VENDORED.parent / file]
        case package:
            return [_debian_text(package)]


def _debian_text(package: str) -> Path:
    """Return what Debian has of a licence: on this machine, or as it was copied for those that are no Debian."""
    copied = _COPIED / f"{package}.txt"
    installed = _DOCUMENTED / package / "copyright"
    return copied if copied.is_file() and not installed.is_file() else installed


def _ours() -> Component:
    return Component("Undertext", version(), "MIT", "", [contents.ROOT / "LICENSE"])


def _model(name: str) -> Component:
    card = contents.ROOT / "assets" / "models" / name / "README.md"
    text = card if card.is_file() else _VENDORED.parent / "texts" / "openai-whisper.txt"
    return Component(f"the model {name}", version(), "MIT", "", [text])


def _python() -> Component:
    release = ".".join(map(str, sys.version_info[:3]))
    base = Path(sys.base_prefix)
    texts = [
        base / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "LICENSE.txt",
        base / "LICENSE.txt",  # on Windows, where it also has those of OpenSSL, libffi and Microsoft's runtime
    ]
    text = next((path for path in texts if path.is_file()), texts[0])
    return Component("Python", release, "PSF-2.0", f"pkg:generic/python@{release}", [text])


def _of_microsoft() -> Component:
    text = _VENDORED.parent / "texts" / "microsoft-runtime.txt"
    return Component("Microsoft Visual C++ runtime", "14", MICROSOFT, "", [text])


@cache
def _debian_package(source: Path) -> tuple[str, str]:
    """Return name and version of the Debian package that a file is of."""
    if shutil.which("dpkg-query") is None:
        raise LicenceUnknown(f"{source} is of no Python package, nor of a Python that brings its own libraries")
    real = source.resolve()
    for path in (real, Path("/", *real.parts[2:]) if real.parts[1] == "usr" else Path("/usr") / real.relative_to("/")):
        told = subprocess.run(["dpkg-query", "-S", str(path)], capture_output=True, text=True, check=False)
        if told.returncode == 0:
            name = told.stdout.partition(": ")[0]
            form = "${Package}\t${Version}"
            shown = subprocess.run(["dpkg-query", "-W", "-f", form, name], capture_output=True, text=True, check=True)
            package, _, number = shown.stdout.partition("\t")
            return package, number
    raise LicenceUnknown(f"{source} is of no package of this system")


# Read from the packages' own copyright files, which come along.
_DEBIAN = {
    "libssl3": "Apache-2.0", "libffi8": "MIT", "libbz2-1.0": "bzip2-1.0.6", "liblzma5": "0BSD",
    "libportaudio2": "MIT", "libxcb-cursor0": "X11", "libxcb-icccm4": "X11", "libxcb-image0": "X11",
    "libxcb-keysyms1": "X11", "libxcb-render-util0": "X11", "libxcb-util1": "X11",
    "libpython3.11": "PSF-2.0", "libjack-jackd2-0": "LGPL-2.1-or-later",
}  # fmt: skip


def _of_debian(source: Path) -> Component:
    name, number = _debian_package(source)
    text = _DOCUMENTED / name / "copyright"
    return Component(name, number, _DEBIAN.get(name, ""), f"pkg:deb/debian/{name}@{number}", [text])

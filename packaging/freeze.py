"""Freeze Undertext: dist/undertext is then a program that needs no Python. Run `./run freeze`.

On macOS it is dist/Undertext.app. Beside it lie its bill of materials, and a list of its files with their checksums:
the same source gives the same list, and `./run freeze twice` tells whether it did.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from hashlib import file_digest
from pathlib import Path

import contents
import differences
import licences
import origins
import sizes

from engine.models.catalog import ASSETS, CATALOG, Model
from engine.models.pins import measure
from engine.models.store import Store

DIST = contents.ROOT / "dist"
WORK = contents.ROOT / "build" / "freeze"
FROZEN = DIST / contents.FROZEN


MODEL = "tiny.en"
"""What comes along where no model is in the assets."""


class NotAsPublished(Exception):
    """A model that is to come with the program is not the one that the catalog pins."""


def main() -> int:
    """Freeze, once or twice; return 0 unless the second program is another one than the first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--twice", action="store_true", help="freeze again, and tell which files came out differently")
    is_twice = parser.parse_args().twice
    first = frozen().read_text(encoding="utf-8")
    if not is_twice:
        return 0
    found = differences.differences(first, frozen().read_text(encoding="utf-8"))
    print("\n".join(found) or "frozen twice, every file is the same")
    return 1 if found else 0


def frozen() -> Path:
    """Freeze, and write down what is inside; return the list of its files."""
    import sbom  # noqa: PLC0415  # its library is in the environment that freezes

    shutil.rmtree(contents.SHELF, ignore_errors=True)  # an earlier freeze may have brought another model
    models = built_in(CATALOG, ASSETS) or [shelved(MODEL, contents.SHELF)]
    epoch_s = committed_s()
    _pyinstaller(epoch_s)
    found = origins.components(origins.read(WORK / contents.PROGRAM / "origins.tsv"))
    head = licences.OF_THE_PROGRAM.format(inside=contents.INSIDE)
    licences.write(found, FROZEN / contents.BESIDE / licences.FOLDER, head)
    if contents.IS_BUNDLE:  # PyInstaller has signed it before the licences came
        subprocess.run(["codesign", "--force", "--sign", "-", str(FROZEN)], check=True)
    stem = f"{contents.PROGRAM}-{origins.version()}-{system()}"
    sbom.write(found, origins.version(), epoch_s, DIST / f"{stem}.cdx.json")
    files = DIST / f"{stem}.files.txt"
    files.write_text(listed(FROZEN), encoding="utf-8")
    print(sizes.told(FROZEN))
    print(f"models inside: {', '.join(models)}")
    print(FROZEN)
    return files


def built_in(catalog: Mapping[str, Model], folder: Path) -> list[str]:
    """Return the models that come with the program, after their checksums were compared.

    Raises:
        NotAsPublished: A file is missing or differs, or a folder is there that the catalog does not name.
    """
    there = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("__"))
    for name in there:
        model = catalog.get(name)
        if model is None or not model.is_built_in:
            raise NotAsPublished(f"{name} is in {folder}, and not in its catalog")
        for pin in model.files:
            path = folder / name / pin.name
            if not (pin.known and path.is_file() and pin.holds(measure(pin.name, (path,)))):
                raise NotAsPublished(f"{path} is not what the catalog pins")
    if missing := sorted(name for name, model in catalog.items() if model.is_built_in and name not in there):
        raise NotAsPublished(f"the catalog names {', '.join(missing)}, and {folder} has no such model")
    return there


def shelved(name: str, folder: Path) -> str:
    """Make a published model ready in a new store, every byte of it checked; return its name.

    Raises:
        ModelMissing: The package that carries it is not installed.
        ModelCorrupt: It is not what was published.
    """
    Store(folder).find(name)
    return name


def committed_s() -> int:
    """Return when the source was committed; what is built says this time instead of now's."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    told = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=contents.ROOT, capture_output=True, text=True, check=True
    )
    return int(told.stdout)


def system() -> str:
    """Return the system and processor that are built for, as names of files have them."""
    machine = os.uname().machine if hasattr(os, "uname") else os.environ["PROCESSOR_ARCHITECTURE"].lower()
    return f"{ {'darwin': 'macos', 'win32': 'windows'}.get(sys.platform, sys.platform) }-{machine}"


def listed(folder: Path) -> str:
    """Return every file of a folder as a line: SHA-256, size, place; a link tells where it leads."""
    lines = []
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        place = path.relative_to(folder).as_posix()
        if path.is_symlink():
            lines.append(f"{'-':64} {0:>10} {place} -> {path.readlink().as_posix()}")
        elif path.is_file():
            with path.open("rb") as file:
                lines.append(f"{file_digest(file, 'sha256').hexdigest()} {path.stat().st_size:>10} {place}")
    return "\n".join(lines) + "\n"


def _pyinstaller(epoch_s: int) -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    folders = ["--workpath", str(WORK), "--distpath", str(DIST)]
    # Sets and dictionaries in a seeded order, and the time of the commit: the same source gives the same bytes.
    environment = os.environ | {"PYTHONHASHSEED": "1", "SOURCE_DATE_EPOCH": str(epoch_s), "LC_ALL": "C.UTF-8"}
    spec = str(Path(__file__).with_name("undertext.spec"))
    subprocess.run([*command, *folders, spec], cwd=contents.ROOT, env=environment, check=True)


if __name__ == "__main__":
    sys.exit(main())

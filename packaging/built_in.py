"""Let a model come with Undertext: python packaging/built_in.py DIR, which `undertext adapt` has written.

It is copied to assets/models under the name of its folder, and assets/models/catalog.tsv gets the checksums to which it
is held from then on.
"""

import shutil
import sys
from pathlib import Path

from engine.models.catalog import ASSETS, KNOWN_FILES
from engine.models.installed import NOTE
from engine.models.pins import measure

CARD = "README.md"


def rows(folder: Path, licence: str = "MIT", context: str = "short") -> list[str]:
    """Return a line of the catalog for each file of a model: from no repository, in no revision."""
    found = [measure(name, (folder / name,)) for name in KNOWN_FILES if (folder / name).is_file()]
    head = (folder.name, "", "", licence, context)
    return ["\t".join((*head, file.name, str(file.bytes), file.sha256, "")) for file in found]


def bring(folder: Path, assets: Path = ASSETS) -> Path:
    """Copy a model and pin it, in place of an earlier one of its name; return where it is."""
    kept = assets / folder.name
    if kept.is_dir():
        shutil.rmtree(kept)
    kept.mkdir()
    for name in (*KNOWN_FILES, NOTE, CARD):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, kept / name)
    table = assets / "catalog.tsv"
    others = [line for line in table.read_text(encoding="utf-8").splitlines() if line.split("\t")[0] != folder.name]
    table.write_text("\n".join([*others, *rows(kept)]) + "\n", encoding="utf-8")
    return kept


if __name__ == "__main__":
    print(bring(Path(sys.argv[1]).resolve()))

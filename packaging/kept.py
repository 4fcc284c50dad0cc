"""Licences that are kept in packaging/texts, for systems that have no Debian packages to take them from.

python packaging/kept.py [ROOT] takes them anew from a Debian 12 on which `./run freeze` has run.
"""

import csv
import shutil
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_VENDORED = _HERE / "vendored.tsv"
DEBIAN = _HERE / "texts" / "debian"
"""What Debian's packages say of themselves, NAME.txt each."""
COMMON = _HERE / "texts" / "common"
"""The licences that many share and do not repeat, by Debian's name for them."""
SHARED = ("Apache-2.0", "GPL-2", "GPL-3", "LGPL-2", "LGPL-2.1", "LGPL-3")


def packages() -> list[str]:
    """Return the Debian packages whose texts `vendored.tsv` names."""
    with _VENDORED.open(encoding="utf-8", newline="") as table:
        told = {row["text"] for row in csv.DictReader(table, delimiter="\t")}
    return sorted(text for text in told if text not in {"-", "wheel"} and "/" not in text)


def main() -> None:
    """Copy every text from below a root."""
    share = Path(sys.argv[1] if len(sys.argv) > 1 else "/") / "usr" / "share"
    for folder in (DEBIAN, COMMON):
        folder.mkdir(parents=True, exist_ok=True)
    for name in packages():
        shutil.copyfile(share / "doc" / name / "copyright", DEBIAN / f"{name}.txt")
    for name in SHARED:
        shutil.copyfile(share / "common-licenses" / name, COMMON / f"{name}.txt")


if __name__ == "__main__":
    main()

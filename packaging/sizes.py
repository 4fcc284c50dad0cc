"""What takes the room in a frozen program: python packaging/sizes.py [FOLDER]."""

import sys
from collections import Counter
from pathlib import Path

import contents

MB = 1_000_000
SHOWN_MB = 1.0


def by_part(folder: Path) -> Counter[str]:
    """Return the bytes of each part of a folder: what lies inside by its first name, links not counted."""
    parts: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            parts[_part(_within(path.relative_to(folder)).parts)] += path.stat().st_size
    return parts


def _within(place: Path) -> Path:
    """Return where a file lies in the folder of its kind."""
    folders = (contents.INSIDE, contents.BESIDE) if contents.IS_BUNDLE else (contents.INSIDE,)
    return next((place.relative_to(one) for one in folders if place.is_relative_to(one)), place)


def _part(names: tuple[str, ...]) -> str:
    if names[0] == "assets" and len(names) > 2:
        return "/".join(names[:3]) if names[1] == "models" else "assets"
    return names[0].removesuffix(".libs") if len(names) > 1 else "Python and single libraries"


def told(folder: Path) -> str:
    """Return the sizes as lines, the largest first."""
    parts = by_part(folder)
    small = sum(size for size in parts.values() if size < SHOWN_MB * MB)
    rows = [(size, name) for name, size in parts.most_common() if size >= SHOWN_MB * MB]
    lines = [f"{size / MB:7.1f} MB  {name}" for size, name in [*rows, (small, "all else"), (parts.total(), "in all")]]
    return "\n".join(lines)


if __name__ == "__main__":
    print(told(Path(sys.argv[1]) if len(sys.argv) > 1 else contents.ROOT / "dist" / contents.FROZEN))

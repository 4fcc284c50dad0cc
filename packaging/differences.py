"""Which files two lists tell differently: python packaging/differences.py ONE.files.txt TWO.files.txt.

The lists are `freeze.py`'s. The same source, frozen twice, gives the same list: where it does not, this says of what.
"""

import sys
from pathlib import Path


def differences(first: str, second: str) -> list[str]:
    """Return a line for each file that is in one list only, or is not the same in both; nothing for equal lists.

    Args:
        first: A list, as `freeze.listed` writes it.
        second: Another.
    """
    one, two = _by_place(first), _by_place(second)
    places = sorted(one.keys() | two.keys())
    return [_told(place, one.get(place), two.get(place)) for place in places if one.get(place) != two.get(place)]


def _by_place(text: str) -> dict[str, tuple[str, str]]:
    """Return checksum and size of each file; a link's place says where it leads."""
    rows = (line.split(maxsplit=2) for line in text.splitlines())
    return {place: (digest, size) for digest, size, place in rows}


def _told(place: str, first: tuple[str, str] | None, second: tuple[str, str] | None) -> str:
    if first is None:
        return f"only in the second: {place}"
    if second is None:
        return f"only in the first: {place}"
    sizes = f"{first[1]} bytes" if first[1] == second[1] else f"{first[1]} and {second[1]} bytes"
    return f"not the same: {place} ({sizes})"


def main() -> int:
    """Compare two lists; return 0 where they are equal."""
    found = differences(*(Path(name).read_text(encoding="utf-8") for name in sys.argv[1:3]))
    for line in found:
        print(line)
    print(f"{len(found)} files differ" if found else "the lists are the same")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

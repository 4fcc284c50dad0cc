"""Whether a tag names the version that is released: python packaging/tagged.py vX.Y.Z."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from desktop.version import VERSION


def wrong(tag: str) -> str:
    """Return what is wrong with a tag, in a sentence; nothing if it is this version's."""
    if tag == f"v{VERSION}":
        return ""
    return f"The tag {tag} is not v{VERSION}: desktop/version.py says which Undertext this is."


def main() -> int:
    """Say whether it is; return 0 if it is."""
    said = wrong(sys.argv[1])
    print(said or f"Undertext {VERSION}")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())

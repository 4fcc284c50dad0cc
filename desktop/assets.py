"""Where the program's data lies: beside the packages, in a source tree, in site-packages and in a frozen app alike."""

from pathlib import Path

ASSETS = Path(__file__).parents[1] / "assets"
DEMO_CLIP = ASSETS / "demo" / "demo.ogg"

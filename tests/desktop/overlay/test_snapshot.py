import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from desktop.overlay.snapshot import render_png
from engine.records import Caption


def caption(committed, unstable):
    return Caption(0, committed, unstable, False, (), 0, 0, "en")


def test_the_overlay_is_painted_into_a_file(qapp, tmp_path):
    path = tmp_path / "overlay.png"
    render_png([caption("Painted without a screen", ""), caption("Painted without a screen,", " and still")], path)
    image = QImage(str(path))
    assert image.width() == 2560
    lightness = [image.pixelColor(x, y).lightness() for x in range(440, 1400, 4) for y in range(500, 700, 4)]
    assert max(lightness) > 240
    assert min(lightness) < 60


def test_a_place_that_cannot_be_written_is_an_error(qapp, tmp_path):
    with pytest.raises(OSError, match="cannot be written"):
        render_png([caption("a", "")], tmp_path / "missing" / "overlay.png")


def test_it_needs_neither_a_screen_nor_an_application(tmp_path):
    path = tmp_path / "overlay.png"
    code = "from pathlib import Path; from desktop.overlay.snapshot import render_png; "
    code += f"render_png([], Path({str(path)!r}))"
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code], env={"PATH": os.defpath}, check=True, timeout=60, cwd=root)
    assert path.exists()

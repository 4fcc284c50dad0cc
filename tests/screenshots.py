"""Take the README's pictures: the real program with its demo clip, on a screen of its own.

    python tests/screenshots.py [FOLDER]

Wants what the tests marked `screen` want, the font Inter (fonts-inter) and a model.
"""

import argparse
import re
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from desktop.assets import DEMO_CLIP  # noqa: E402  # the tree is not installed
from engine.audio.sources import FileSource  # noqa: E402
from tests.screen import screen, wait_for  # noqa: E402
from tests.sound_server import SoundServer  # noqa: E402

SIZE = (1280, 720)
OVERLAY_AFTER_S = 3.4  # in the middle of a sentence
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><include>/etc/fonts/fonts.conf</include>
<match target="pattern"><edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match>
</fontconfig>"""
# A film to caption: hills at dusk.
FILM = """
import math, sys
from PySide6.QtCore import QPointF, Qt, QTimer
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPolygonF, QRadialGradient
from PySide6.QtWidgets import QApplication, QWidget

HILLS = (("#8a7fa6", .58, 46, 2.1), ("#5f628f", .66, 60, 1.4), ("#3b4672", .77, 52, 1.9), ("#1f2a4a", .90, 44, 1.2))

class Film(QWidget):
    def paintEvent(self, event):
        w, h = self.width(), self.height()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            sky = QLinearGradient(0, 0, 0, h)
            for at, colour in ((0, "#2b3a67"), (.35, "#7d6a9c"), (.6, "#f2a65a"), (1, "#f7d08a")):
                sky.setColorAt(at, QColor(colour))
            painter.fillRect(self.rect(), sky)
            sun = QRadialGradient(QPointF(.68 * w, .5 * h), 150)
            for at, colour in ((0, "#fff6d8"), (.28, "#fff0c0"), (.3, "#66ffe3a0"), (1, "#00ffe3a0")):
                sun.setColorAt(at, QColor(colour))
            painter.fillRect(self.rect(), sun)
            painter.setPen(Qt.PenStyle.NoPen)
            for index, (colour, level, rise, waves) in enumerate(HILLS):
                ridge = [QPointF(x, h * level + rise * math.sin(waves * 6.28 * x / w + index * 1.7)
                         + rise / 3 * math.sin(waves * 17 * x / w + index)) for x in range(0, w + 8, 8)]
                painter.setBrush(QColor(colour))
                painter.drawPolygon(QPolygonF([*ridge, QPointF(w + 8, h), QPointF(0, h)]))

app = QApplication([])
film = Film()
film.setWindowFlag(Qt.WindowType.FramelessWindowHint)
film.setGeometry(film.screen().geometry())
film.show()
QTimer.singleShot(500, lambda: print("shown", flush=True))
app.exec()
"""
PROGRAM = "import sys, main\nsys.exit(main.main([]))\n"


def main():
    """Play the demo to a sound server of our own, let the program hear it, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "assets" / "screenshots")
    folder = parser.parse_args().folder
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(SoundServer("pulseaudio", home / "sound"))
        shown = stack.enter_context(screen("xfwm4", "{}x{}".format(*SIZE)))
        (home / "fonts.conf").write_text(FONTS)
        (home / "film.py").write_text(FILM)
        (home / "program.py").write_text(PROGRAM)
        shown.environ |= server.env
        shown.environ |= {"FONTCONFIG_FILE": str(home / "fonts.conf"), "UNDERTEXT_HOME": str(home / "home")}
        stack.enter_context(shown.child(home / "film.py")).line()
        stack.enter_context(shown.child(home / "program.py"))
        take(shown, server, folder)


def take(shown, server, folder):
    """Press Start, play, and take each window at a good moment."""
    controls = window(shown, "Undertext")
    time.sleep(5)  # the model loads; a picture may wait
    crop(shown, controls, folder / "ready.png")
    press(shown, controls, -205)
    time.sleep(1)
    with server.playing(clip()):
        time.sleep(9)
        press(shown, controls, -44)
        transcript = window(shown, "Transcript")
        shown.run("xdotool", "windowsize", transcript, "640", "440")
        time.sleep(5)
        crop(shown, controls, folder / "controls.png")
        crop(shown, transcript, folder / "transcript.png")
        for each in (transcript, controls):
            shown.run("xdotool", "windowminimize", each)
        shown.mouse("mousemove 1270 10")
        time.sleep(OVERLAY_AFTER_S)
        shown.picture().save(str(folder / "overlay.png"))


def clip():
    """Return the demo's sound, float32 [n, channels] at 48 kHz."""
    source = FileSource(DEMO_CLIP)
    source.open()
    blocks = []
    while not source.exhausted:
        blocks += [block.frames for block in source.read(1.0)]
    return np.concatenate(blocks)


def window(shown, title):
    """Return the id of the window with a title, once it is seen."""
    return wait_for(
        lambda: shown.run("xdotool", "search", "--onlyvisible", "--name", f"^{title}$").split("\n")[-1], title
    )


def frame(shown, which):
    """Return where a window is, and how large."""
    told = shown.run("xwininfo", "-id", which)
    names = ("Absolute upper-left X", "Absolute upper-left Y", "Width", "Height")
    return [int(re.search(rf"{name}: +(-?\d+)", told)[1]) for name in names]


def press(shown, which, from_bottom):
    """Click into a window, so many pixels above its bottom."""
    x, y, width, height = frame(shown, which)
    shown.mouse(f"mousemove {x + width // 2} {y + height + from_bottom}", "click 1")


def crop(shown, which, path):
    """Save the picture of one window."""
    shown.picture().copy(*frame(shown, which)).save(str(path))


if __name__ == "__main__":
    main()

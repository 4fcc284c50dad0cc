"""An overlay to be tested from outside: obeys lines on its standard input, answers each with one line.

python overlay_program.py HOME     the settings lie in HOME, as the program's own do
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QSocketNotifier
from PySide6.QtWidgets import QApplication, QWidget

from desktop.overlay.overlay import Overlay
from desktop.preferences import Preferences
from desktop.settings_file import SettingsFile
from engine.records import Caption

HOLD_S = 60.0


def main():
    app = QApplication(sys.argv[:1])
    window = QWidget()
    window.setWindowTitle("Main window")
    window.setGeometry(40, 40, 200, 100)
    window.show()
    file = SettingsFile(Path(sys.argv[1]) / "settings.json")
    preferences = Preferences(file.load().settings, file)
    overlay = Overlay(replace(preferences.current.overlay, hold_s=HOLD_S))
    overlay.settings_changed.connect(preferences.set_overlay)
    preferences.overlay_changed.connect(overlay.apply)

    def obey():
        order, _, rest = sys.stdin.readline().strip().partition(" ")
        if order == "caption":
            overlay.captions.show_caption(Caption(0, rest, "", False, (), 0, 0, "en"))
            answer = [[box.x(), box.y(), box.width(), box.height()] for box in overlay.captions.boxes]
        elif order == "click-through":
            preferences.set_click_through(on=rest == "on")
            answer = rest
        elif order == "quit":
            preferences.save()
            app.quit()
            answer = "bye"
        else:
            rect = overlay.geometry()
            answer = [rect.x(), rect.y(), rect.width(), rect.height()]
        print(json.dumps(answer), flush=True)

    notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(obey)
    # As in the program, the main window is there and active first: some window managers tie the two together.
    app.focusWindowChanged.connect(overlay.show)
    app.exec()


main()

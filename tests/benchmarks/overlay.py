"""How soon a caption is on the screen, and what the overlay costs while nothing happens.

    python tests/benchmarks/overlay.py [--seconds 20]

It starts an X server and a window manager of its own, speaks a script of captions into the overlay at the pace of
speech, through the bridge and from a thread, as a session does, and then leaves it alone. The time runs from `send`
until Qt has handed the painted window to the X server. Prints a table of Markdown.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

TEXT = (
    "Good evening and welcome. Tonight we ask why the sea is salty, and what the rivers have to do with it. "
    "Every river carries a little salt, worn from the rocks of its valley; the sea keeps the salt, and gives the "
    "water back to the sky."
)
STEP_S = 0.25  # a new hypothesis four times a second: twice what the engine makes
UNSTABLE_WORDS = 4
GOAL_MS = 16.7


def script():
    """Return the captions of one talk: a word more each step, the last few unstable; a segment a sentence or so."""
    from engine.records import Caption, Word

    captions, at = [], 0
    for segment, sentence in enumerate(TEXT.split(". ")):
        words = sentence.split()
        settled = 0
        for heard in range(1, len(words) + 1):
            final = heard == len(words)
            now = heard if final else max(settled, heard - UNSTABLE_WORDS)
            new = tuple(Word(f" {word}", at, at + 4000, 0.9) for word in words[settled:now])
            unstable = "".join(f" {word}" for word in words[now:heard])
            captions.append(Caption(segment, " ".join(words[:now]), unstable, final, new, at, at + 4000, "en"))
            settled, at = now, at + 4000
    return captions


def measure(seconds):
    """Measure in this process, on the display it was given."""
    from PySide6.QtCore import QEvent
    from PySide6.QtWidgets import QApplication

    from desktop.bridge import Bridge
    from desktop.overlay.overlay import Overlay
    from desktop.settings import OverlaySettings

    sent, delays, repaints = [], [], [0]

    class Timed(Overlay):
        """Notes when a painted window has been handed over: Qt does so in the event `UpdateRequest`."""

        def event(self, event):
            done = super().event(event)
            if event.type() == QEvent.Type.UpdateRequest:
                repaints[0] += 1
                now = time.perf_counter()
                delays.extend(1000 * (now - began) for began in sent)
                sent.clear()
            return done

    app = QApplication(sys.argv[:1])
    overlay = Timed(OverlaySettings(hold_s=60.0))
    bridge = Bridge()
    bridge.caption_changed.connect(overlay.captions.show_caption)
    overlay.show()

    def speak():
        due = time.monotonic() + 1
        for caption in script():
            due += STEP_S
            time.sleep(max(0.0, due - time.monotonic()))
            sent.append(time.perf_counter())
            bridge.send(caption)
        time.sleep(1)
        app.exit()

    speaker = threading.Thread(target=speak)
    speaker.start()
    app.exec()
    speaker.join()
    talk = list(delays)

    repaints[0] = 0
    me = psutil.Process()
    before, wall = me.cpu_times(), time.monotonic()
    alarm = threading.Timer(seconds, app.exit)
    alarm.start()
    app.exec()
    after, wall = me.cpu_times(), time.monotonic() - wall
    cpu = (after.user + after.system - before.user - before.system) / wall
    report(talk, repaints[0], cpu, me.memory_info().rss, wall)


def report(delays, repaints, cpu, rss, wall):
    """Print the table."""
    delays = sorted(delays)
    p95 = delays[min(len(delays) - 1, round(0.95 * len(delays)))]
    print(f"{platform.node()}: {cpu_name()}, {os.cpu_count()} cores, {platform.platform(terse=True)}\n")
    print("| overlay | measured | goal |\n|---|---|---|")
    print(f"| captions painted | {len(delays)} of {len(script())} | all |")
    print(f"| event → painted, p50 | {statistics.median(delays):.1f} ms | |")
    print(f"| event → painted, p95 | {p95:.1f} ms | ≤ {GOAL_MS} ms |")
    print(f"| event → painted, max | {delays[-1]:.1f} ms | |")
    print(f"| repaints in {wall:.0f} s without a change | {repaints} | 0 |")
    print(f"| CPU meanwhile | {max(0.0, 100 * cpu):.2f} % of a core | 0 |")
    print(f"| memory (RSS) | {rss / 2**20:.0f} MB | |")


def cpu_name():
    """Return what the processor calls itself."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())


def main():
    """Start a screen, and this file again on it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20, help="how long it is left alone (default: 20)")
    parser.add_argument("--window-manager", default="xfwm4", choices=("openbox", "xfwm4"))
    parser.add_argument("--here", action="store_true", help="measure on the display there is")
    options = parser.parse_args()
    if options.here:
        measure(options.seconds)
        return
    from tests.screen import screen

    with screen(options.window_manager, "1920x1080") as shown:
        command = [sys.executable, __file__, "--here", "--seconds", str(options.seconds)]
        subprocess.run(command, env=shown.environ, check=True)


if __name__ == "__main__":
    main()

"""How long the windows take to answer while the recogniser has every processor busy.

    .venv/bin/python -m tests.benchmarks.stall [--model tiny.en] [--seconds 60] [--times 4]

The whole program with its windows, off the screen unless `QT_QPA_PLATFORM` says otherwise, captions the demo clip over
and over. Each window is decoded several times, on a thread for each processor, so that the machine is slower than the
speech and never rests. Every 5 ms somebody asks the event loop for an answer: the delay is the time until it gives one,
so that a stall of 200 ms counts as forty moments at which a click would have waited (the timer itself is 5 ms coarse).
The same is told of the program at rest, because whatever else runs on the machine is in both.
"""

import argparse
import os
import sys
import tempfile
import time
from functools import cached_property
from pathlib import Path

import numpy as np
import psutil

from desktop.assets import DEMO_CLIP
from desktop.wiring import Engine
from engine.audio.sources import ArraySource, FileSource, Pacer
from engine.models.store import Store
from engine.settings import EngineSettings
from tests.benchmarks.endurance import machine

ASK_S = 0.005
REST_S = 10.0
READY_S = 120.0
GOAL_MS = {"p99": 50, "max": 250}
MODELS = Path(os.environ.get("UNDERTEXT_TEST_MODELS", Path(__file__).parents[2] / "build" / "models"))


class Tireless:
    """Decodes each window so many times."""

    fallback = ""

    def __init__(self, recognizer, times):
        self.context, self.languages = recognizer.context, recognizer.languages
        self._recognizer, self._times = recognizer, times

    def recognize(self, window):
        """Return what is heard, the last time."""
        for _ in range(self._times - 1):
            self._recognizer.recognize(window)
        return self._recognizer.recognize(window)


class TirelessEngine(Engine):
    """A model that keeps the machine busy."""

    times = 1

    @cached_property
    def recognizer(self):
        """The loaded model."""
        return Tireless(Engine.recognizer.func(self), self.times)


class Asker:
    """Asks the event loop for an answer every 5 ms, and keeps how long each took."""

    def __init__(self):
        from PySide6.QtCore import Qt, QTimer

        self.delays_s = []
        self._due_s = 0.0
        self._timer = QTimer(interval=round(ASK_S * 1000), timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._answer)

    def ask(self, duration_s):
        """Ask for so long; return the delays in milliseconds, and the share of one core that the program took."""
        from PySide6.QtTest import QTest

        process, self.delays_s = psutil.Process(), []
        process.cpu_percent()
        self._due_s = time.perf_counter() + ASK_S
        self._timer.start()
        QTest.qWait(round(duration_s * 1000))
        self._timer.stop()
        return np.array(self.delays_s) * 1000, process.cpu_percent()

    def _answer(self):
        now = time.perf_counter()
        while self._due_s <= now:
            self.delays_s.append(now - self._due_s)
            self._due_s += ASK_S


def speech(duration_s):
    """Return the demo clip over and over, at the pace of speech."""
    source = FileSource(DEMO_CLIP)
    source.open()
    blocks = []
    while not source.exhausted:
        blocks += source.read(1.0)
    once, rate = np.concatenate([block.frames for block in blocks]), blocks[0].sample_rate
    times = int(np.ceil(duration_s * rate / len(once)))
    return ArraySource(np.tile(once, (times, 1)), rate, pacer=Pacer())


def measure(options):
    """Run the program, at rest and at work; print both."""
    from PySide6.QtWidgets import QApplication

    from desktop.app import App
    from engine.records import State

    qt = QApplication([])
    settings = EngineSettings(language="en", threads=os.cpu_count() or 1)
    engine = TirelessEngine(settings, options.model, Store(MODELS))
    engine.times = options.times
    app = App(qt, make_engine=lambda _: engine, open_source=lambda _: speech(options.seconds + 60))
    app.start()
    try:
        asker = Asker()
        asker.ask(REST_S / 5)  # the windows are painted for the first time
        until(lambda: app.controls.state_text == "Ready")
        report("at rest", *asker.ask(REST_S))
        app.controls.start_wanted.emit("demo")
        until(lambda: app.session.state is State.LISTENING)
        report("at work", *asker.ask(options.seconds))
        stats = app.session.stats()
        print(f"updates {stats.updates}, level {stats.level}, skipped {stats.skipped_s:.0f} s")
    finally:
        if not app.end():
            sys.stdout.flush()
            os._exit(0)  # as the program itself does


def until(is_so):
    """Let events pass until something is so."""
    from PySide6.QtTest import QTest

    deadline = time.monotonic() + READY_S
    while not is_so():
        if time.monotonic() > deadline:
            sys.exit("the program did not get ready")
        QTest.qWait(50)


def report(when, delays_ms, share):
    """Print what was measured."""
    figures = {"p50": np.percentile(delays_ms, 50), "p99": np.percentile(delays_ms, 99), "max": delays_ms.max()}
    told = ", ".join(f"{name} {value:.1f} ms" for name, value in figures.items())
    print(f"{when}: {told} of {len(delays_ms)} answers; CPU {share:.0f} % of one core")


def main():
    """Measure one model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--times", type=int, default=4, help="how often each window is decoded")
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    goals = ", ".join(f"{name} ≤ {value} ms" for name, value in GOAL_MS.items())
    print(f"{options.model} on {machine()}, load {os.getloadavg()[0]:.1f}; goal {goals}")
    with tempfile.TemporaryDirectory() as home:
        os.environ["UNDERTEXT_HOME"] = home
        measure(options)


if __name__ == "__main__":
    main()

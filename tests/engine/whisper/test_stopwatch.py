import numpy as np
import pytest

from engine.units import samples, seconds
from engine.whisper.recognizer import ScriptedRecognizer, SlowRecognizer
from engine.whisper.selftest import Clip
from engine.whisper.stopwatch import measure


def test_updates_and_ends_are_measured_apart_and_the_first_round_is_not():
    now_s, windows = 0.0, []

    def cost(window):
        windows.append(window)
        slow = 100 if window.start == 0 else 1  # the first round
        return slow * (1.0 if window.thorough else 0.1 * seconds(len(window.samples)))

    def wait(duration_s):
        nonlocal now_s
        now_s += duration_s

    recognizer = SlowRecognizer(ScriptedRecognizer(()), cost, wait)
    times = measure(recognizer, Clip(np.zeros(samples(5.6), np.float32), ""), rounds=2, clock=lambda: now_s)
    assert times.update_ms == pytest.approx(400)
    assert times.slowest_ms == pytest.approx(550)
    assert times.close_ms == pytest.approx(1000)
    assert [len(window.samples) for window in windows[:3]] == [samples(2.5), samples(3.0), samples(3.5)]
    assert len({window.start for window in windows}) == 3

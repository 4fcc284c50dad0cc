"""The virtual clock: an engine that is late finds what it would find at real pace."""

import json

import numpy as np
import pytest

from engine.records import Caption
from engine.units import samples
from tests.benchmarks.clock import VirtualClock, play
from tests.benchmarks.measures import lags
from tests.benchmarks.replay import read_log, replay


class Computing:
    """Seconds that pass only where somebody computes."""

    def __init__(self):
        self.spent_s = 0.0

    def __call__(self):
        return self.spent_s


class SlowCaptioner:
    """Needs a fixed time for each block that it may not hurry through, and then says how many it has had."""

    def __init__(self, computing, each_s):
        self.heard = 0
        self.hurried = []
        self._computing = computing
        self._each_s = each_s

    def feed(self, item, *, hurry=False):
        self.heard += len(item.frames)
        self.hurried.append(hurry)
        self._computing.spent_s += 0 if hurry else self._each_s
        text = " ".join(["word"] * len(self.hurried))
        return [] if hurry else [Caption(0, text, "", False, (), 0, self.heard, "en")]

    def finish(self):
        return []


def played(tmp_path, each_s, duration_s=1.0):
    computing = Computing()
    engine = SlowCaptioner(computing, each_s)
    log = tmp_path / "log.jsonl"
    play(engine, np.zeros(samples(duration_s), np.float32), log, VirtualClock(computing))
    return engine, read_log(log)


def test_waiting_takes_no_time():
    computing = Computing()
    clock = VirtualClock(computing)
    clock.sleep(2.0)
    computing.spent_s += 0.5
    assert clock.now() == 2.5


def test_an_engine_in_time_gets_each_block_when_it_is_due(tmp_path):
    engine, events = played(tmp_path, each_s=0.05)
    assert engine.hurried == [False] * 10
    shown = [event["at_s"] for event in events if event["type"] == "caption"]
    assert shown == pytest.approx([0.1 * block + 0.05 for block in range(1, 11)], abs=1e-3)


def test_a_late_engine_finds_what_has_come_meanwhile_and_hurries(tmp_path):
    engine, events = played(tmp_path, each_s=0.25)
    # block 1 is done at 0.35: 2 and 3 wait; done at 0.6: 4, 5 and 6; done at 0.85: 7 and 8; at 1.1: 9 and 10
    assert engine.hurried == [False, True, False, True, True, False, True, False, True, False]
    assert max(lag for _, lag in lags(events)) == pytest.approx(0.35, abs=0.051)


def test_every_sample_is_fed_and_the_log_can_be_replayed(tmp_path):
    engine, events = played(tmp_path, each_s=0.0, duration_s=0.37)
    assert engine.heard == samples(0.37)
    assert replay(events).text == "word word word word"


def test_what_a_turn_cost_stands_in_the_log(tmp_path):
    _, events = played(tmp_path, each_s=0.0)
    costs = [event for event in events if event["type"] == "cost"]
    assert len(costs) == 11  # ten blocks and the end
    assert all(json.dumps(cost) and cost["cpu_s"] >= 0 and cost["memory_mb"] > 0 for cost in costs)

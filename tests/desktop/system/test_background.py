import threading

import pytest
from PySide6.QtCore import QThreadPool

from desktop.system.background import Background
from engine.errors import EngineError


@pytest.fixture
def one_thread():
    """Let the pool have one thread, as on a machine with one core."""
    pool = QThreadPool.globalInstance()
    before = pool.maxThreadCount()
    pool.setMaxThreadCount(1)
    yield
    pool.waitForDone()
    pool.setMaxThreadCount(before)


def test_what_a_call_returns_is_told(qtbot):
    background = Background()
    with qtbot.waitSignal(background.done) as told:
        assert background.run(lambda: 7)
    assert told.args == [7]


def test_what_a_call_raises_is_told(qtbot):
    def call():
        raise error

    background, error = Background(), EngineError("no")
    with qtbot.waitSignal(background.failed) as told:
        background.run(call)
    assert told.args == [error]


def test_one_call_runs_at_a_time(qtbot):
    background, go = Background(), threading.Event()
    with qtbot.waitSignal(background.done):
        assert background.run(go.wait)
        assert not background.run(go.wait)
        go.set()
    assert background.run(lambda: 1)
    qtbot.waitUntil(lambda: not background._is_busy)


def test_a_call_that_waits_is_in_no_other_callers_way(qtbot, one_thread):
    waits, other, go = Background(), Background(), threading.Event()
    waits.run(go.wait)
    with qtbot.waitSignal(other.done) as told:
        other.run(lambda: "at once")
    assert told.args == ["at once"]
    with qtbot.waitSignal(waits.done):
        go.set()

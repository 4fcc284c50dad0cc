import os
import signal

import pytest

from desktop.system.quit_signals import QuitSignals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_of_the_system_becomes_one_of_qt(qtbot, number):
    signals = QuitSignals()
    try:
        with qtbot.waitSignal(signals.arrived):
            os.kill(os.getpid(), number)
    finally:
        signals.remove()


def test_what_was_there_before_is_put_back(qapp):
    before = signal.getsignal(signal.SIGTERM)
    signals = QuitSignals()
    signals.remove()
    signals.remove()
    assert signal.getsignal(signal.SIGTERM) == before

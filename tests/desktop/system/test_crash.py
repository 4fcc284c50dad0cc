import gc
import logging
import sys
import threading

import pytest
from PySide6.QtCore import QTimer, qWarning

from desktop.system.crash import CrashHooks
from engine.errors import EngineError

CANARY = "the swordfish sings at midnight"


@pytest.fixture
def hooks(qtbot, tmp_path):
    made = CrashHooks(tmp_path)
    yield made
    made.remove()
    if made.dialog:
        made.dialog.done(0)


def fail():
    raise ValueError(CANARY)


def test_an_exception_in_a_thread_is_logged_without_its_words_and_told(qtbot, hooks, caplog):
    with qtbot.waitSignal(hooks.caught) as told:
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    qtbot.waitUntil(lambda: hooks.dialog is not None)
    assert told.args[0] == "ValueError"
    assert "test_crash.py" in told.args[1]
    assert not hooks.dialog.isModal()
    assert "uncaught ValueError" in caplog.text
    assert CANARY not in caplog.text + hooks.dialog.text() + hooks.dialog.informativeText()


def test_an_exception_in_a_slot_is_told(qtbot, hooks):
    with qtbot.captureExceptions():  # pytest-qt's own hook stands in our place meanwhile
        pass
    sys.excepthook = hooks._on_exception
    with qtbot.waitSignal(hooks.caught):
        QTimer.singleShot(0, fail)


def test_one_dialog_is_enough(qtbot, hooks):
    hooks.caught.emit("A", "a.py:1")
    qtbot.waitUntil(lambda: hooks.dialog is not None)
    first = hooks.dialog
    with qtbot.waitSignal(hooks.caught):
        hooks.caught.emit("B", "b.py:1")
    assert hooks.dialog is first
    first.done(0)
    assert hooks.dialog is None


def test_what_an_error_of_ours_says_is_logged(hooks, caplog):
    error = EngineError("the device is gone")
    hooks._on_exception(type(error), error, None)
    assert "the device is gone" in caplog.text


def test_an_error_in_a_destructor_is_logged(hooks, caplog):
    class Broken:
        def __del__(self):
            raise ValueError(CANARY)

    Broken()
    gc.collect()
    assert "unraisable ValueError" in caplog.text
    assert CANARY not in caplog.text


def test_qt_s_own_warnings_are_logged(hooks, caplog):
    with caplog.at_level(logging.WARNING):
        qWarning("something about a pixmap")
    assert "something about a pixmap" in caplog.text


def test_the_end_of_the_program_by_the_keyboard_is_no_crash(qtbot, hooks):
    with qtbot.assertNotEmitted(hooks.caught):
        hooks._on_exception(KeyboardInterrupt, KeyboardInterrupt(), None)


def test_everything_is_put_back(qapp, tmp_path):
    before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    CrashHooks(tmp_path).remove()
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before

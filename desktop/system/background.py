"""Calls that may wait (for a sound server, a disk, a publisher), kept away from the GUI thread."""

import logging
from collections.abc import Callable

from PySide6.QtCore import QObject, QThreadPool, Signal

from engine.errors import EngineError

_LOG = logging.getLogger(__name__)


class Background(QObject):
    """One call at a time on Qt's thread pool.

    Signals:
        done: What the call returned.
        failed: EngineError that it raised.

    Thread: created in the GUI thread, where the signals arrive.
    """

    done = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._is_busy = False
        self.done.connect(self._on_end)
        self.failed.connect(self._on_end)

    def run(self, call: Callable[[], object]) -> bool:
        """Start a call unless one is still running; return whether it was started."""
        if self._is_busy:
            return False
        self._is_busy = True
        QThreadPool.globalInstance().start(lambda: self._call(call))
        return True

    def _call(self, call: Callable[[], object]) -> None:
        pool = QThreadPool.globalInstance()
        pool.releaseThread()  # it waits more than it computes: even on one core, nobody else's call stands behind it
        try:
            self.done.emit(call())
        except EngineError as error:
            self.failed.emit(error)
        except RuntimeError:  # this object is gone: the program is ending
            _LOG.debug("a background call ended after its owner")
        finally:
            pool.reserveThread()

    def _on_end(self) -> None:
        self._is_busy = False

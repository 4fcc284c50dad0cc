"""SIGINT, SIGTERM and SIGHUP end the program as its menu does.

Python runs a signal's handler between two of its own instructions, and Qt's loop may run none for hours: so the
signal also writes a byte into a pipe, and the loop wakes for it.
"""

import os
import signal
import sys
from types import FrameType

from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Signal

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_LOOK_MS = 500  # Windows has no pipe that Qt can wait for: there Python is let run twice a second


class QuitSignals(QObject):
    """Turns signals of the system into one of Qt, from its creation to `remove`.

    Signals:
        arrived: The program is asked to end.

    Thread: GUI, which must be the main thread.
    """

    arrived = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        numbers = [number for name in _NAMES if (number := getattr(signal, name, None))]
        self._before = {number: signal.signal(number, self._on_signal) for number in numbers}
        self._pipe: tuple[int, ...] = ()
        if sys.platform == "win32":
            QTimer(self, interval=_LOOK_MS).start()
        else:
            self._wake_by_pipe()

    def remove(self) -> None:
        """Put back what was there before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._pipe:
            self._notifier.setEnabled(False)
            signal.set_wakeup_fd(-1)
            for end in self._pipe:
                os.close(end)
            self._pipe = ()

    def _wake_by_pipe(self) -> None:
        self._pipe = read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        self._notifier = QSocketNotifier(read, QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(lambda: os.read(read, 64))

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.arrived.emit()

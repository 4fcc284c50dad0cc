"""What can be captured now, looked up again and again while somebody is choosing."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.capture.hosts import Device
from desktop.system.background import Background

_EVERY_MS = 2000


class DeviceWatch(QObject):
    """Looks for devices in the background.

    Signals:
        changed: list of Device; told only when it differs.

    Args:
        look: Returns the devices; raises NoInputDevice when there are none.

    Thread: GUI.
    """

    changed = Signal(object)

    def __init__(self, look: Callable[[], Sequence[Device]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._known: Sequence[Device] | None = None
        self._background = Background(self)
        self._background.done.connect(self._on_found)
        self._background.failed.connect(lambda _error: self._on_found([]))
        self._again = QTimer(self, interval=_EVERY_MS)
        self._again.timeout.connect(self._start)

    def watch(self, *, on: bool) -> None:
        """Look now and from now on, or no more."""
        if on:
            self._start()
            self._again.start()
        else:
            self._again.stop()

    def _start(self) -> None:
        self._background.run(self._look)

    def _on_found(self, devices: Sequence[Device]) -> None:
        if self._known != devices:
            self._known = devices
            self.changed.emit(devices)

"""The only place where the engine thread meets Qt.

The engine thread calls `send` with every event; the GUI thread gets them as signals, in order. Queued signals
pile up without limit while a window is busy, so one wake-up waits at most: events wait in a list of our own,
where a caption takes the place of the one before it of the same segment and carries its newly committed words
along. The list is handed over at most 20 times a second.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from engine.records import Caption, Event, Failure, Gap, StateChange, Stats, Withheld

_BETWEEN_S = 1 / 20


class Bridge(QObject):
    """Events of a session as signals of the GUI thread.

    Signals:
        caption_changed: Caption; its `words` are all that were committed since the last one of its segment.
        gap_found: Gap.
        state_changed: StateChange.
        failed: Failure.

    Args:
        clock: Seconds, monotonic.

    Thread: created in the GUI thread; `send` on any.
    """

    caption_changed = Signal(object)
    gap_found = Signal(object)
    state_changed = Signal(object)
    failed = Signal(object)
    _woken = Signal()

    def __init__(self, parent: QObject | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(parent)
        self._clock = clock
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._is_woken = False
        self._delivered_s = float("-inf")
        self._later = QTimer(self, singleShot=True)
        self._later.setTimerType(Qt.TimerType.PreciseTimer)
        self._later.timeout.connect(self._deliver)
        self._woken.connect(self._on_woken, Qt.ConnectionType.QueuedConnection)

    def send(self, event: Event) -> None:
        """Take an event; it is delivered in the GUI thread soon.

        Stats are not passed on: the GUI pulls them from the session. Nor is what was withheld: nobody shall see it.

        Thread: any; never waits longer than a list operation takes.
        """
        if isinstance(event, Stats | Withheld):
            return
        with self._lock:
            self._take(event)
            wakes, self._is_woken = not self._is_woken, True
        if wakes:
            self._woken.emit()

    def _take(self, event: Event) -> None:
        last = self._events[-1] if self._events else None
        if isinstance(event, Caption) and isinstance(last, Caption) and event.segment == last.segment:
            self._events[-1] = replace(event, words=last.words + event.words)
        else:
            self._events.append(event)

    def _on_woken(self) -> None:
        wait_s = self._delivered_s + _BETWEEN_S - self._clock()
        if wait_s > 0:
            self._later.start(math.ceil(wait_s * 1000))
        else:
            self._deliver()

    def _deliver(self) -> None:
        with self._lock:
            events, self._events = self._events, []
            self._is_woken = False
        self._delivered_s = self._clock()
        for event in events:
            self._pass_on(event)

    def _pass_on(self, event: Event) -> None:
        match event:
            case Caption():
                self.caption_changed.emit(event)
            case StateChange():
                self.state_changed.emit(event)
            case Gap():
                self.gap_found.emit(event)
            case Failure():
                self.failed.emit(event)
            case _:
                pass

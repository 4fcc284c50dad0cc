"""The look for a newer version when the program starts: at most once a day, and only where it was switched on."""

import logging
from dataclasses import replace

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices

from desktop.preferences import Preferences
from desktop.system.background import Background
from desktop.updates.daily import is_due, worth_telling
from desktop.updates.publisher import Publisher
from desktop.updates.request import newest
from desktop.updates.versions import Version
from desktop.version import VERSION
from engine.errors import EngineError

_LOG = logging.getLogger(__name__)


class UpdateWatch(QObject):
    """Asks in the background, remembers the answer, tells of a version that is worth it; a failure is nobody's trouble.

    Signals:
        found: str, a newer version.

    Args:
        publisher: Whom to ask.
        preferences: Where it is switched on, and where the answer is kept.
        mine: The version that runs.

    Attributes:
        is_asking: An answer is waited for, in the background.

    Thread: GUI.
    """

    found = Signal(str)

    def __init__(
        self, publisher: Publisher, preferences: Preferences, parent: QObject | None = None, *, mine: str = VERSION
    ) -> None:
        super().__init__(parent)
        self._publisher, self._preferences, self._mine = publisher, preferences, mine
        self._background = Background(self)
        self._background.done.connect(self._on_answered)
        self._background.failed.connect(self._on_failed)
        self.is_asking = False

    @property
    def can_ask(self) -> bool:
        """Whether there is somebody to ask."""
        return self._publisher.is_known

    def begin(self, now_s: float) -> None:
        """Tell what is known, and ask if it is time.

        Args:
            now_s: Seconds since 1970.
        """
        self._tell()
        updates = self._preferences.current.updates
        if self.can_ask and is_due(updates, now_s):
            self._preferences.set_updates(replace(updates, asked_at=int(now_s)))
            # Before anybody is asked: a program that dies now, or cannot save, would ask again at its next start.
            if self._preferences.save():
                self.is_asking = self._background.run(lambda: newest(self._publisher))

    def dismiss(self) -> None:
        """Say no more of the version that was told."""
        updates = self._preferences.current.updates
        self._preferences.set_updates(replace(updates, dismissed=updates.newest))

    def open_page(self) -> None:
        """Show in the browser where it is had."""
        QDesktopServices.openUrl(QUrl(self._publisher.page))

    def _on_answered(self, version: Version) -> None:
        self.is_asking = False
        self._preferences.set_updates(replace(self._preferences.current.updates, newest=version.text))
        self._tell()

    def _on_failed(self, error: EngineError) -> None:
        self.is_asking = False
        # The kind alone: words of the network may hold addresses of this machine's.
        _LOG.info("the newest version was not learnt (%s)", type(error.__cause__ or error).__name__)

    def _tell(self) -> None:
        if version := worth_telling(self._preferences.current.updates, self._mine):
            self.found.emit(version)

"""That there is a newer version: a line at the foot of a window, which stays until it is dismissed."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout

from desktop import texts
from desktop.texts import tr
from desktop.windows.widgets import Button, label


class UpdateNotice(QFrame):
    """The line: which version, a button to its page, and one to send it away.

    Signals:
        page_wanted: The user wants to see where to get it.
        dismissed: The user has read it.

    Thread: GUI.
    """

    page_wanted = Signal()
    dismissed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "notice")
        self._words = label()
        self._page = Button(tr(texts.UPDATE_PAGE), "link")
        self._close = Button("", "quiet", "close")
        self._close.setAccessibleName(tr(texts.DISMISS))
        self._close.setToolTip(tr(texts.DISMISS))
        self._page.clicked.connect(self.page_wanted)
        self._close.clicked.connect(self._on_dismissed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 4, 8, 4)
        layout.setSpacing(4)
        layout.addWidget(self._words, 1)
        layout.addWidget(self._page)
        layout.addWidget(self._close)
        self.hide()

    @property
    def text(self) -> str:
        """What it says; nothing while there is nothing to say."""
        return self._words.text() if not self.isHidden() else ""

    @property
    def buttons(self) -> tuple[Button, Button]:
        """Its buttons, in the order of the eye."""
        return self._page, self._close

    def tell(self, version: str) -> None:
        """Show that a version is there."""
        self._words.setText(tr(texts.UPDATE_FOUND, version=version))
        self.show()

    def _on_dismissed(self) -> None:
        self.hide()
        self.dismissed.emit()

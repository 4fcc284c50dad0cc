"""Which Undertext this is, and whether it looks for a newer one: a small button in the window's corner, with a menu."""

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QMenu

from desktop import texts
from desktop.settings import UpdateSettings
from desktop.texts import tr
from desktop.version import VERSION
from desktop.windows.widgets import Button


class AboutMenu(Button):
    """The button; its menu names the version and has the switch.

    Signals:
        look_switched: bool, by the user.

    Thread: GUI.
    """

    look_switched = Signal(bool)

    def __init__(self) -> None:
        super().__init__("", "quiet", "more")
        self.setAccessibleName(tr(texts.ABOUT))
        self.setToolTip(tr(texts.ABOUT))
        self._can_look = False
        menu = QMenu(self, toolTipsVisible=True)
        menu.addAction(tr(texts.ABOUT_VERSION, version=VERSION)).setEnabled(False)
        menu.addSeparator()
        self._look = menu.addAction(tr(texts.LOOK_FOR_UPDATES))
        self._look.setCheckable(True)
        self._look.toggled.connect(self._on_switched)
        self.setMenu(menu)

    def show_settings(self, updates: UpdateSettings, *, can_look: bool) -> None:
        """Show how it is set, without telling it back.

        Args:
            updates: As it is set.
            can_look: There is an address to ask. Without one the switch can only be turned off.
        """
        self._can_look = can_look
        self._look.setToolTip(tr(texts.LOOK_FOR_UPDATES_TIP if can_look else texts.LOOK_FOR_UPDATES_NOT))
        with QSignalBlocker(self._look):
            self._look.setChecked(updates.look)
        self._look.setEnabled(can_look or updates.look)

    def _on_switched(self, on: bool) -> None:  # noqa: FBT001  # as Qt calls it
        self._look.setEnabled(self._can_look or on)
        self.look_switched.emit(on)

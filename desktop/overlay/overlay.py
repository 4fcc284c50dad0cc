"""The captions above everything: a frameless, translucent window that stays on top.

Unlocked, it is dragged anywhere inside, resized at its edges (the width wraps, the height sets the lines) and zoomed
with Ctrl and the wheel; a frame shows while the mouse is over it. Locked, clicks pass through.
"""

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QEnterEvent,
    QGuiApplication,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QRegion,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget

from desktop import texts
from desktop.overlay.caption_view import CaptionView
from desktop.overlay.grip import Grip
from desktop.settings import FONT_PT, LINE_COUNT, OverlaySettings, remembered
from desktop.system import placement, platforms
from desktop.texts import tr

_FRAME = 10  # pixels around the lines: the frame, and the reach of its edges
_FRAME_COLOUR, _FRAME_FILL = QColor(255, 255, 255, 150), QColor(20, 24, 32, 110)
_MIN_WIDTH = 200


class Overlay(QWidget):
    """The caption window.

    Signals:
        settings_changed: OverlaySettings, after the user moved, resized, zoomed, locked or hid it here.
        controls_wanted: The user double-clicked it.

    Args:
        settings: How it looks, and where it stands.

    Attributes:
        captions: The lines in it.

    Thread: GUI.
    """

    settings_changed = Signal(object)
    controls_wanted = Signal()

    def __init__(self, settings: OverlaySettings) -> None:
        super().__init__(None, platforms.overlay_flags(above_full_screen=settings.above_full_screen))
        self._settings = settings
        self._is_hovered = self._is_mapped = False
        self._set_attributes()
        self.captions = CaptionView(settings, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_FRAME, _FRAME, _FRAME, _FRAME)
        layout.addWidget(self.captions)
        self._grip = Grip(self, reach=_FRAME)
        self._grip.released.connect(self._on_released)
        self.captions.boxes_changed.connect(self._set_mask)
        self._follow_screens()
        self._set_least_size()
        self.put_in_place()

    def apply(self, settings: OverlaySettings) -> None:
        """Take other settings, at once."""
        if settings == self._settings:
            return
        self._settings = settings
        self.captions.restyle(settings)
        self._set_least_size()
        self._set_height()
        self.setVisible(settings.visible)
        if self._is_mapped:
            self._on_mapped()

    def put_in_place(self) -> None:
        """Go where the user left it on this set of screens, or to the bottom of the first one."""
        screens = placement.current_screens()
        rect = placement.remembered_rect(self._settings.places, screens)
        rect = rect or placement.home(screens[0].availableGeometry(), self._height())
        rect.setTop(rect.bottom() + 1 - self._height())
        self.setGeometry(placement.into_sight(rect, placement.areas(screens)))
        self._set_mask()

    def _set_attributes(self) -> None:
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setAttribute(Qt.WidgetAttribute.WA_MacAlwaysShowToolWindow)
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, on=False)
        self.setWindowTitle(tr(texts.OVERLAY_NAME))
        self.setAccessibleName(tr(texts.OVERLAY_NAME))

    def _follow_screens(self) -> None:
        app = QGuiApplication.instance()
        if isinstance(app, QGuiApplication):
            for changed in (app.screenAdded, app.screenRemoved, app.primaryScreenChanged):
                changed.connect(self.put_in_place)

    def _set_least_size(self) -> None:
        self.setMinimumSize(_MIN_WIDTH, self.captions.line_height + 2 * _FRAME)

    def _set_height(self) -> None:
        """Be as high as the lines; the bottom edge stays where it is."""
        rect = self.geometry()
        rect.setTop(rect.bottom() + 1 - self._height())
        self.setGeometry(rect)
        self._set_mask()

    def _height(self) -> int:
        return self._settings.line_count * self.captions.line_height + 2 * _FRAME

    def _set_mask(self) -> None:
        """On X11, leave to others what lies between the lines: without a mask the whole window takes clicks."""
        if not platforms.is_x11():
            return
        if self._is_hovered or self._grip.is_held:
            self.clearMask()
            return
        region = QRegion(0, 0, 1, 1)  # an empty mask would be no mask
        for box in self.captions.boxes:
            region += box.translated(self.captions.pos())
        self.setMask(region)

    def _set_hovered(self, *, on: bool) -> None:
        self._is_hovered = on
        self._set_mask()
        self.update()

    def _choose(self, **changes: Any) -> None:
        """Change settings as the user asked here, and tell."""
        self.apply(replace(self._settings, **changes))
        self.settings_changed.emit(self._settings)

    def _zoom(self, by: int) -> None:
        low, high = FONT_PT
        self._choose(font_pt=min(max(self._settings.font_pt + by, low), high))

    def _go_home(self) -> None:
        here = placement.screens_key(placement.current_screens())
        self._choose(places={key: place for key, place in self._settings.places.items() if key != here})
        self.put_in_place()

    def _on_released(self) -> None:
        low, high = LINE_COUNT
        lines = round((self.height() - 2 * _FRAME) / self.captions.line_height)
        here = placement.screens_key(placement.current_screens())
        places = remembered(self._settings.places, here, placement.to_place(self.geometry()))
        self._choose(places=places, line_count=min(max(lines, low), high))

    def _on_mapped(self) -> None:
        """Set what a window takes only once it is on the screen."""
        handle = self.windowHandle()
        platforms.set_click_through(handle, on=self._settings.click_through)
        platforms.keep_above_full_screen(handle)
        platforms.exclude_from_capture(handle, on=self._settings.hidden_from_capture)

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction(tr(texts.CLICK_THROUGH), lambda: self._choose(click_through=True))
        menu.addSeparator()
        menu.addAction(tr(texts.LARGER), lambda: self._zoom(2))
        menu.addAction(tr(texts.SMALLER), lambda: self._zoom(-2))
        menu.addAction(tr(texts.RESET_PLACE), self._go_home)
        menu.addSeparator()
        menu.addAction(tr(texts.SHOW_WINDOW), self.controls_wanted.emit)
        menu.addAction(tr(texts.HIDE_OVERLAY), lambda: self._choose(visible=False))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return menu

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice when the window is really on the screen."""
        if event.type() == QEvent.Type.Expose and watched is self.windowHandle() and not self._is_mapped:
            self._is_mapped = True
            self._on_mapped()
        return False

    def showEvent(self, event: QShowEvent) -> None:
        """Wait for the window to be on the screen."""
        super().showEvent(event)
        self._is_mapped = False
        self.windowHandle().installEventFilter(self)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        """Paint the frame while the mouse is over it."""
        if not self._is_hovered:
            return
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(_FRAME_COLOUR, 1.5))
            painter.setBrush(_FRAME_FILL)
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -2, -2), _FRAME, _FRAME)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show the frame."""
        super().enterEvent(event)
        self._set_hovered(on=True)

    def leaveEvent(self, event: QEvent) -> None:
        """Hide the frame."""
        super().leaveEvent(event)
        self._set_hovered(on=False)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom with Ctrl and the wheel."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier and event.angleDelta().y():
            self._zoom(1 if event.angleDelta().y() > 0 else -1)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Open the menu."""
        self._menu().popup(event.globalPos())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: ARG002
        """Ask for the controls."""
        self.controls_wanted.emit()

"""Takes hold of a window without a frame: drag its inside to move it, its edges to resize it."""

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QWidget

from desktop.system import platforms
from desktop.system.placement import cursor_for, dragged, edges_at


class Grip(QObject):
    """Moves and resizes a window by the mouse, as its event filter.

    Signals:
        released: The user has put the window somewhere.

    Args:
        window: A top-level widget; its minimum size is kept.
        reach: Pixels from an edge within which it is taken hold of.

    Thread: GUI.
    """

    released = Signal()

    def __init__(self, window: QWidget, *, reach: int) -> None:
        super().__init__(window)
        self._window = window
        self._reach = reach
        self._edges = Qt.Edge(0)
        self._from: QPoint | None = None
        self._rect = QRect()
        window.setMouseTracking(True)
        window.installEventFilter(self)

    @property
    def is_held(self) -> bool:
        """Whether a button is down and the window follows the mouse."""
        return self._from is not None

    def _press(self, event: QMouseEvent) -> None:
        self._edges = edges_at(event.position().toPoint(), self._window.rect(), self._reach)
        if not platforms.places_its_windows():
            self._leave_to_compositor()
            return
        self._from, self._rect = event.globalPosition().toPoint(), self._window.geometry()

    def _leave_to_compositor(self) -> None:
        handle = self._window.windowHandle()
        if self._edges:
            handle.startSystemResize(self._edges)
        else:
            handle.startSystemMove()

    def _move(self, event: QMouseEvent) -> None:
        if self._from is None:
            edges = edges_at(event.position().toPoint(), self._window.rect(), self._reach)
            self._window.setCursor(cursor_for(edges))
            return
        rect = dragged(self._rect, self._edges, event.globalPosition().toPoint() - self._from)
        self._window.setGeometry(self._not_too_small(rect))

    def _not_too_small(self, rect: QRect) -> QRect:
        size = rect.size().expandedTo(self._window.minimumSize())
        kept = QRect(rect.topLeft(), size)
        if self._edges & Qt.Edge.LeftEdge:
            kept.moveRight(rect.right())
        if self._edges & Qt.Edge.TopEdge:
            kept.moveBottom(rect.bottom())
        return kept

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the mouse."""
        if isinstance(event, QMouseEvent) and watched is self._window:
            kind, left = event.type(), Qt.MouseButton.LeftButton
            if kind == QEvent.Type.MouseButtonPress and event.button() == left:
                self._press(event)
            elif kind == QEvent.Type.MouseMove:
                self._move(event)
            elif kind == QEvent.Type.MouseButtonRelease and event.button() == left and self.is_held:
                self._from = None
                self.released.emit()
        return False

"""Where windows stand: remembered per set of screens, and never out of sight.

Pure geometry on rectangles in device-independent pixels.
"""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QGuiApplication, QScreen

from desktop.settings import Place

_GRIP = QPoint(80, 20)  # so much of a window must be seen to be taken hold of


def screens_key(screens: Sequence[QScreen]) -> str:
    """Return a name for a set of screens: where they lie, how large, how dense; whatever their order."""
    return "; ".join(sorted(f"{_rect_text(screen.geometry())}@{screen.devicePixelRatio():g}" for screen in screens))


def home(available: QRect, height: int) -> QRect:
    """Return where captions stand first: at the bottom, in the middle, 68 % of a 16:9 picture wide (BBC)."""
    width = round(min(available.width(), available.height() * 16 / 9) * 0.68)
    x = available.center().x() - width // 2
    return QRect(x, available.bottom() - round(available.height() * 0.05) - height, width, height)


def remembered_rect(places: Mapping[str, Place], screens: Sequence[QScreen]) -> QRect | None:
    """Return where a window stood on this set of screens; None if it was never there."""
    place = places.get(screens_key(screens))
    return None if place is None else QRect(place.x, place.y, place.width, place.height)


def areas(screens: Sequence[QScreen]) -> list[QRect]:
    """Return the parts of screens that windows may use."""
    return [screen.availableGeometry() for screen in screens]


def into_sight(rect: QRect, within: Sequence[QRect]) -> QRect:
    """Return a rectangle of which enough lies on one of the areas, moved and shrunk as little as needed."""
    if any(_is_held(rect, area) for area in within) or not within:
        return rect
    area = min(within, key=lambda area: (area.center() - rect.center()).manhattanLength())
    size = rect.size().boundedTo(area.size())
    x = min(max(rect.x(), area.left()), area.right() + 1 - size.width())
    y = min(max(rect.y(), area.top()), area.bottom() + 1 - size.height())
    return QRect(QPoint(x, y), size)


def to_place(rect: QRect) -> Place:
    """Return a rectangle as it is kept in the settings."""
    return Place(x=rect.x(), y=rect.y(), width=rect.width(), height=rect.height())


def edges_at(point: QPoint, rect: QRect, reach: int) -> Qt.Edge:
    """Return the edges of a rectangle that a point within `reach` of them takes hold of; none in its middle."""
    edges = Qt.Edge(0)
    if point.x() < rect.left() + reach:
        edges |= Qt.Edge.LeftEdge
    elif point.x() > rect.right() - reach:
        edges |= Qt.Edge.RightEdge
    if point.y() < rect.top() + reach:
        edges |= Qt.Edge.TopEdge
    elif point.y() > rect.bottom() - reach:
        edges |= Qt.Edge.BottomEdge
    return edges


def dragged(rect: QRect, edges: Qt.Edge, by: QPoint) -> QRect:
    """Return a rectangle after its edges, or without any the whole, were dragged."""
    if not edges:
        return rect.translated(by)
    return rect.adjusted(
        by.x() if edges & Qt.Edge.LeftEdge else 0,
        by.y() if edges & Qt.Edge.TopEdge else 0,
        by.x() if edges & Qt.Edge.RightEdge else 0,
        by.y() if edges & Qt.Edge.BottomEdge else 0,
    )


def cursor_for(edges: Qt.Edge) -> Qt.CursorShape:
    """Return the pointer that tells what dragging here does."""
    across = bool(edges & (Qt.Edge.LeftEdge | Qt.Edge.RightEdge))
    along = bool(edges & (Qt.Edge.TopEdge | Qt.Edge.BottomEdge))
    if across and along:
        falls = bool(edges & Qt.Edge.LeftEdge) == bool(edges & Qt.Edge.TopEdge)
        return Qt.CursorShape.SizeFDiagCursor if falls else Qt.CursorShape.SizeBDiagCursor
    if across:
        return Qt.CursorShape.SizeHorCursor
    return Qt.CursorShape.SizeVerCursor if along else Qt.CursorShape.SizeAllCursor


def current_screens() -> list[QScreen]:
    """Return the screens of this moment, the primary one first."""
    primary = QGuiApplication.primaryScreen()
    return [primary, *(screen for screen in QGuiApplication.screens() if screen is not primary)]


def _is_held(rect: QRect, area: QRect) -> bool:
    seen = rect.intersected(area)
    return seen.width() >= min(_GRIP.x(), rect.width()) and seen.height() >= min(_GRIP.y(), rect.height())


def _rect_text(rect: QRect) -> str:
    return f"{rect.width()}x{rect.height()}{rect.x():+d}{rect.y():+d}"

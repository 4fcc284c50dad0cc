from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QRect, Qt

from desktop.system.placement import cursor_for, dragged, edges_at, home, into_sight

SCREEN = QRect(0, 0, 1920, 1080)
FAR = st.integers(-10_000, 10_000)


@given(FAR, FAR, st.integers(1, 5000), st.integers(1, 3000))
def test_a_window_is_always_put_where_it_can_be_taken_hold_of(x, y, width, height):
    rect = into_sight(QRect(x, y, width, height), [SCREEN, QRect(1920, 0, 1280, 1024)])
    seen = max((rect.intersected(area) for area in (SCREEN, QRect(1920, 0, 1280, 1024))), key=QRect.width)
    assert seen.width() >= min(80, rect.width())
    assert seen.height() >= min(20, rect.height())


def test_a_window_in_sight_is_left_where_it_is():
    rect = QRect(-100, 900, 800, 100)
    assert into_sight(rect, [SCREEN]) == rect


def test_a_window_of_a_screen_that_is_gone_moves_to_the_one_that_is_left():
    assert SCREEN.contains(into_sight(QRect(2500, 100, 800, 100), [SCREEN]))


def test_captions_begin_at_the_bottom_in_the_middle():
    rect = home(SCREEN, 120)
    assert abs(rect.center().x() - SCREEN.center().x()) <= 1
    assert 0.67 < rect.width() / SCREEN.width() < 0.69
    assert rect.bottom() < SCREEN.bottom()


def test_on_a_very_wide_screen_captions_keep_the_width_of_a_picture():
    assert home(QRect(0, 0, 5120, 1080), 120).width() < 1400


def test_edges_are_taken_hold_of_and_drag_only_themselves():
    rect = QRect(0, 0, 200, 100)
    corner = edges_at(QPoint(198, 98), rect, 10)
    assert corner == Qt.Edge.RightEdge | Qt.Edge.BottomEdge
    assert dragged(rect, corner, QPoint(5, 7)) == QRect(0, 0, 205, 107)
    assert edges_at(QPoint(100, 50), rect, 10) == Qt.Edge(0)
    assert dragged(rect, Qt.Edge(0), QPoint(5, 7)) == QRect(5, 7, 200, 100)


def test_the_pointer_tells_what_dragging_does():
    assert cursor_for(Qt.Edge(0)) == Qt.CursorShape.SizeAllCursor
    assert cursor_for(Qt.Edge.LeftEdge) == Qt.CursorShape.SizeHorCursor
    assert cursor_for(Qt.Edge.TopEdge) == Qt.CursorShape.SizeVerCursor
    assert cursor_for(Qt.Edge.LeftEdge | Qt.Edge.TopEdge) == Qt.CursorShape.SizeFDiagCursor
    assert cursor_for(Qt.Edge.RightEdge | Qt.Edge.TopEdge) == Qt.CursorShape.SizeBDiagCursor

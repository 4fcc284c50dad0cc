import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from desktop.overlay.overlay import Overlay
from desktop.settings import OverlaySettings, Place
from desktop.system import placement
from engine.records import Caption


@pytest.fixture
def overlay(qtbot):
    made = Overlay(OverlaySettings())
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    return made


def drag(overlay, start, by):
    """Press, move, release; the window moves under the mouse, so positions are the screen's."""
    origin = overlay.mapToGlobal(start)
    QTest.mousePress(overlay, Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(overlay, overlay.mapFromGlobal(origin + by))
    QTest.mouseRelease(overlay, Qt.MouseButton.LeftButton, pos=overlay.mapFromGlobal(origin + by))


def test_it_asks_to_stay_on_top_without_a_frame_and_without_the_keyboard(overlay):
    for flag in (
        Qt.WindowType.WindowStaysOnTopHint,
        Qt.WindowType.FramelessWindowHint,
        Qt.WindowType.WindowDoesNotAcceptFocus,
    ):
        assert overlay.windowFlags() & flag
    assert overlay.testAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)


def test_a_drag_moves_it_and_its_place_is_told_for_these_screens(qtbot, overlay):
    before = overlay.geometry()
    with qtbot.waitSignal(overlay.settings_changed) as told:
        drag(overlay, overlay.rect().center(), QPoint(-40, -60))
    here = placement.screens_key(placement.current_screens())
    assert overlay.geometry() == before.translated(-40, -60)
    assert told.args[0].places[here] == placement.to_place(overlay.geometry())


def test_dragging_the_top_edge_adds_lines(qtbot, overlay):
    bottom = overlay.geometry().bottom()
    with qtbot.waitSignal(overlay.settings_changed) as told:
        drag(overlay, QPoint(overlay.width() // 2, 3), QPoint(0, -overlay.captions.line_height))
    assert told.args[0].line_count == 3
    assert overlay.geometry().bottom() == bottom


def test_it_cannot_be_made_too_small(qtbot, overlay):
    right = overlay.geometry().right()
    with qtbot.waitSignal(overlay.settings_changed):
        drag(overlay, QPoint(3, overlay.height() // 2), QPoint(5000, 0))
    assert overlay.width() == overlay.minimumWidth()
    assert overlay.geometry().right() == right


def test_control_and_the_wheel_zoom_and_the_bottom_stays(qtbot, overlay):
    bottom = overlay.geometry().bottom()
    with qtbot.waitSignal(overlay.settings_changed) as told:
        turn(overlay, Qt.KeyboardModifier.ControlModifier)
    assert told.args[0].font_pt == OverlaySettings().font_pt + 1
    assert overlay.geometry().bottom() == bottom


def test_the_wheel_alone_does_nothing(qtbot, overlay):
    with qtbot.assertNotEmitted(overlay.settings_changed):
        turn(overlay, Qt.KeyboardModifier.NoModifier)


def turn(overlay, modifiers):
    centre = QPointF(overlay.rect().center())
    event = QWheelEvent(
        centre, overlay.mapToGlobal(centre), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton, modifiers,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(overlay, event)


def test_a_double_click_asks_for_the_controls(qtbot, overlay):
    with qtbot.waitSignal(overlay.controls_wanted):
        QTest.mouseDClick(overlay, Qt.MouseButton.LeftButton)


def test_its_menu_locks_it(qtbot, overlay):
    menu = overlay._menu()
    with qtbot.waitSignal(overlay.settings_changed) as told:
        menu.actions()[0].trigger()
    assert told.args[0].click_through
    assert overlay.windowHandle().flags() & Qt.WindowType.WindowTransparentForInput


def test_locked_from_the_start_it_lets_clicks_through_once_it_is_shown(qtbot):
    overlay = Overlay(OverlaySettings(click_through=True))
    qtbot.addWidget(overlay)
    with qtbot.waitExposed(overlay):
        overlay.show()
    qtbot.waitUntil(lambda: bool(overlay.windowHandle().flags() & Qt.WindowType.WindowTransparentForInput))


def test_it_opens_where_it_was_left_on_these_screens(qtbot):
    here = placement.screens_key(placement.current_screens())
    overlay = Overlay(OverlaySettings(places={here: Place(x=30, y=40, width=500, height=100)}))
    qtbot.addWidget(overlay)
    assert (overlay.x(), overlay.width()) == (30, 500)
    assert overlay.geometry().bottom() == 139


def test_a_place_out_of_sight_is_not_used(qtbot):
    here = placement.screens_key(placement.current_screens())
    overlay = Overlay(OverlaySettings(places={here: Place(x=90_000, y=0, width=500, height=100)}))
    qtbot.addWidget(overlay)
    assert overlay.screen().availableGeometry().contains(overlay.geometry())


def test_hidden_it_comes_back_when_it_is_asked_to(qtbot, overlay):
    overlay.apply(OverlaySettings(visible=False))
    assert not overlay.isVisible()
    overlay.apply(OverlaySettings(visible=True, line_count=3))
    assert overlay.isVisible()


def test_arabic_starts_at_the_right(overlay):
    overlay.captions.show_caption(Caption(0, "مرحبا بالعالم", "", False, (), 0, 0, "ar"))
    (box,) = overlay.captions.boxes
    assert box.right() == overlay.captions.width() - 1

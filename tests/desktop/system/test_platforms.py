import logging

from PySide6.QtCore import Qt
from PySide6.QtGui import QWindow

from desktop.system import platforms


def test_a_wayland_session_runs_through_xwayland_and_says_so(caplog):
    environ = {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}
    with caplog.at_level(logging.INFO):
        platforms.choose_qt_platform(environ, "linux")
    assert environ["QT_QPA_PLATFORM"] == "xcb"
    assert "XWayland" in caplog.text


def test_without_xwayland_the_loss_is_said(caplog):
    environ = {"WAYLAND_DISPLAY": "wayland-0"}
    platforms.choose_qt_platform(environ, "linux")
    assert "QT_QPA_PLATFORM" not in environ
    assert "stay on top" in caplog.text


def test_the_user_s_own_choice_stands():
    environ = {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0", "QT_QPA_PLATFORM": "wayland"}
    platforms.choose_qt_platform(environ, "linux")
    assert environ["QT_QPA_PLATFORM"] == "wayland"


def test_whether_there_is_a_screen():
    assert not platforms.has_screen({}, "linux")
    assert platforms.has_screen({"DISPLAY": ":0"}, "linux")
    assert platforms.has_screen({"WAYLAND_DISPLAY": "wayland-0"}, "linux")
    assert platforms.has_screen({}, "win32")


def test_the_window_manager_is_gone_round_on_x11_only(qapp):
    assert not platforms.overlay_flags(above_full_screen=True) & Qt.WindowType.X11BypassWindowManagerHint


def test_clicks_pass_through_and_no_more(qapp):
    window = QWindow()
    platforms.set_click_through(window, on=True)
    assert window.flags() & Qt.WindowType.WindowTransparentForInput
    platforms.set_click_through(window, on=False)
    assert not window.flags() & Qt.WindowType.WindowTransparentForInput


def test_linux_cannot_leave_a_window_out_of_screen_sharing(qapp, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    assert not platforms.exclude_from_capture(QWindow(), on=True)

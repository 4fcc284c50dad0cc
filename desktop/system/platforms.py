"""What differs between systems for a window that must stay above all others and may let clicks through.

Run: Linux with X11 (openbox, xfwm4). Written after the systems' documents and never run: Windows, macOS, native
Wayland.
"""

import ctypes
import logging
import sys
from collections.abc import MutableMapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QWindow

_LOG = logging.getLogger(__name__)

_WDA_NONE, _WDA_EXCLUDEFROMCAPTURE = 0x00, 0x11
_NS_SHARING_NONE, _NS_SHARING_READ_ONLY = 0, 1
_NS_STATUS_WINDOW_LEVEL = 25
_NS_JOIN_ALL_SPACES, _NS_FULL_SCREEN_AUXILIARY = 1 << 0, 1 << 8


def has_screen(environ: MutableMapping[str, str], platform: str = sys.platform) -> bool:
    """Return whether a window could be shown to somebody."""
    return not platform.startswith("linux") or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def choose_qt_platform(environ: MutableMapping[str, str], platform: str = sys.platform) -> None:
    """Run on XWayland where a Wayland session offers it; to be called before the application exists.

    A native Wayland window can neither choose its place nor stay above others; under XWayland it can both.
    """
    if environ.get("QT_QPA_PLATFORM") or not platform.startswith("linux") or not environ.get("WAYLAND_DISPLAY"):
        return
    if environ.get("DISPLAY"):
        environ["QT_QPA_PLATFORM"] = "xcb"
        _LOG.info("Wayland session: the windows run through XWayland, so that captions stay on top")
    else:
        _LOG.warning("Wayland session without XWayland: captions cannot choose their place or stay on top")


def overlay_flags(*, above_full_screen: bool) -> Qt.WindowType:
    """Return the window flags of the overlay on this system.

    Args:
        above_full_screen: On X11, leave the window manager out. openbox and metacity put full-screen windows above
            every other one that they manage, and xfwm4 was seen to take the overlay away with a minimised main window.
    """
    flags = (
        Qt.WindowType.Tool
        | Qt.WindowType.FramelessWindowHint
        | Qt.WindowType.WindowStaysOnTopHint
        | Qt.WindowType.WindowDoesNotAcceptFocus
        | Qt.WindowType.NoDropShadowWindowHint
    )
    if above_full_screen and is_x11():
        flags |= Qt.WindowType.X11BypassWindowManagerHint
    return flags


def is_x11() -> bool:
    """Return whether the windows are those of an X server."""
    return QGuiApplication.platformName() == "xcb"


def places_its_windows() -> bool:
    """Return whether a window may move itself; on native Wayland only the compositor moves it."""
    return not QGuiApplication.platformName().startswith("wayland")


def set_click_through(window: QWindow, *, on: bool) -> None:
    """Let the mouse reach what lies below a window that is mapped, or stop it.

    Set before the window is mapped, openbox and xfwm4 swallow the clicks: hence off first, and always on a mapped one.
    """
    window.setFlag(Qt.WindowType.WindowTransparentForInput, on=False)
    if on:
        window.setFlag(Qt.WindowType.WindowTransparentForInput, on=True)


def keep_above_full_screen(window: QWindow) -> None:
    """Raise a shown window above full-screen ones where flags are not enough (macOS)."""
    if sys.platform == "darwin":
        ns_window = _ns_window(window)
        _objc_send(ns_window, "setLevel:", _NS_STATUS_WINDOW_LEVEL)
        _objc_send(ns_window, "setCollectionBehavior:", _NS_JOIN_ALL_SPACES | _NS_FULL_SCREEN_AUXILIARY)


def exclude_from_capture(window: QWindow, *, on: bool) -> bool:
    """Leave a shown window out of screen sharing and screenshots; return whether the system can (Linux cannot)."""
    if sys.platform == "win32":
        affinity = _WDA_EXCLUDEFROMCAPTURE if on else _WDA_NONE
        hwnd = ctypes.c_void_p(int(window.winId()))
        return bool(ctypes.windll.user32.SetWindowDisplayAffinity(hwnd, affinity))
    if sys.platform == "darwin":
        _objc_send(_ns_window(window), "setSharingType:", _NS_SHARING_NONE if on else _NS_SHARING_READ_ONLY)
        return True
    return False


def _ns_window(window: QWindow) -> int:
    return _objc_send(int(window.winId()), "window")


def _objc_send(receiver: int, selector: str, *arguments: int) -> int:
    """Send an Objective-C message whose arguments and result are integers or pointers."""
    objc = ctypes.CDLL("/usr/lib/libobjc.dylib")
    objc.sel_registerName.restype = ctypes.c_void_p
    prototype = ctypes.CFUNCTYPE(
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, *(ctypes.c_ulong for _ in arguments)
    )
    send = prototype(("objc_msgSend", objc))
    return send(receiver, objc.sel_registerName(selector.encode()), *arguments) or 0

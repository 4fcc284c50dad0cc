"""The one thing that Qt does not tell about an X server: which window manager runs on it."""

import ctypes
import ctypes.util
from contextlib import suppress

_ANY_TYPE = 0
_LONGS = 64  # of four bytes: as much of a property as is read
_SUCCESS = 0


def window_manager() -> str:
    """Return the name of the running window manager as it tells it (EWMH), or nothing.

    Thread: GUI; it opens a connection of its own to the server and closes it.
    """
    with suppress(OSError, AttributeError):
        return _X11().window_manager()
    return ""


class _X11:
    """A short visit to the X server that DISPLAY names."""

    def __init__(self) -> None:
        self._x = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
        self._x.XOpenDisplay.restype = ctypes.c_void_p
        self._x.XDefaultRootWindow.restype = ctypes.c_ulong
        self._x.XInternAtom.restype = ctypes.c_ulong
        self._display = ctypes.c_void_p(self._x.XOpenDisplay(None))
        if not self._display:
            raise OSError("the X server does not answer")

    def window_manager(self) -> str:
        try:
            root = self._x.XDefaultRootWindow(self._display)
            owner = self._property(root, b"_NET_SUPPORTING_WM_CHECK")
            if not owner:
                return ""
            window = int.from_bytes(owner[: ctypes.sizeof(ctypes.c_ulong)], "little")
            return self._property(window, b"_NET_WM_NAME").decode(errors="replace")
        finally:
            self._x.XCloseDisplay(self._display)

    def _property(self, window: int, name: bytes) -> bytes:
        atom = self._x.XInternAtom(self._display, name, 1)
        kind, form = ctypes.c_ulong(), ctypes.c_int()
        count, left, data = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_void_p()
        status = self._x.XGetWindowProperty(
            self._display, ctypes.c_ulong(window), ctypes.c_ulong(atom),
            ctypes.c_long(0), ctypes.c_long(_LONGS), 0, ctypes.c_ulong(_ANY_TYPE),
            ctypes.byref(kind), ctypes.byref(form), ctypes.byref(count), ctypes.byref(left), ctypes.byref(data),
        )  # fmt: skip
        if status != _SUCCESS or not data:
            return b""
        # Xlib hands 32-bit items over as longs.
        item = ctypes.sizeof(ctypes.c_long) if form.value == 32 else form.value // 8
        found = ctypes.string_at(data, count.value * item)
        self._x.XFree(data)
        return found

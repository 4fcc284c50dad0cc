"""An X server and a window manager of the tests' own, and what they show.

The server takes a free display number by itself; the programs that run on it are children of the test. Nothing here
sleeps for a fixed time: what has no signal is asked for until a deadline.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QImage

NEEDED = ("Xvfb", "openbox", "xfwm4", "picom", "dbus-run-session", "xdotool", "import", "xprop")
# xfwm4 wants a session bus (for its settings) and brings a compositor; openbox needs neither and has none.
_MANAGERS = {
    "openbox": (["openbox"], ["picom", "--backend", "xrender"]),
    "xfwm4": (["dbus-run-session", "--", "xfwm4", "--compositor=on"],),
}
_PATIENCE_S = 20.0
ROOT = Path(__file__).parents[1]


def wait_for(condition, what, patience_s=_PATIENCE_S):
    """Return what `condition` returns as soon as it is true."""
    deadline = time.monotonic() + patience_s
    while not (result := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not come within {patience_s} s")
        time.sleep(0.02)
    return result


class Screen:
    """One display with its window manager.

    Args:
        display: As in DISPLAY.
    """

    def __init__(self, display):
        self.environ = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "QT_SCALE_FACTOR": "1"}
        self.environ.pop("WAYLAND_DISPLAY", None)

    def run(self, *command):
        """Return what a command prints on this display; nothing when it fails."""
        done = subprocess.run(
            command, env=self.environ, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    def window_manager(self):
        """Return the name that the window manager tells."""
        owner = self.run("xprop", "-root", "_NET_SUPPORTING_WM_CHECK").rpartition("# ")[2]
        return self.run("xprop", "-id", owner, "_NET_WM_NAME").rpartition("= ")[2].strip('"') if owner else ""

    def picture(self):
        """Return what the screen shows."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "screen.png"
            self.run("import", "-window", "root", str(path))
            return QImage(str(path))

    def colour(self, x, y):
        """Return the colour of one point."""
        return QColor(self.picture().pixel(x, y)).name()

    def mouse(self, *steps):
        """Let xdotool move and click; each step is one of its commands."""
        self.run("xdotool", *(word for step in steps for word in step.split()))

    @contextmanager
    def child(self, program, *arguments, before=()):
        """Start a Python program on this display, by the command `before` it; its lines are read by `Child.line`."""
        command = [*map(str, before), sys.executable, "-u", str(program), *map(str, arguments)]
        environ = {**self.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            yield Child(process)
        finally:
            process.kill()
            process.communicate()


class Child:
    """A program under test: told by a line, answering by lines."""

    def __init__(self, process):
        self._process = process
        self._bytes = b""
        self.pid = process.pid

    def line(self):
        """Return its next line; fails the test when it ends or says nothing for long."""
        stream = self._process.stdout
        while b"\n" not in self._bytes:
            readable, _, _ = select.select([stream], [], [], _PATIENCE_S)
            more = os.read(stream.fileno(), 4096) if readable else b""
            if not more:
                pytest.fail("the program under test fell silent")
            self._bytes += more
        line, _, self._bytes = self._bytes.partition(b"\n")
        return line.decode()

    def ask(self, question):
        """Send a line and return the answer."""
        self._process.stdin.write(f"{question}\n".encode())
        self._process.stdin.flush()
        return self.line()

    def wait(self):
        """Return its exit code once it has ended."""
        return self._process.wait(_PATIENCE_S)


@contextmanager
def screen(window_manager, size="1280x720"):
    """Start an X server with a window manager and a compositor; skip the test where they are not installed."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    with ExitStack() as stack:
        shown = Screen(stack.enter_context(_server(size)))
        home = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        for command in _MANAGERS[window_manager]:
            stack.enter_context(_program(command, {**shown.environ, "HOME": home, "XDG_RUNTIME_DIR": home}))
        wait_for(shown.window_manager, window_manager)
        yield shown


@contextmanager
def _server(size):
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"]
    with _program(command, dict(os.environ), pass_fds=(writer,)):
        os.close(writer)
        with os.fdopen(reader) as answer:
            number = answer.readline().strip()
        if not number:
            pytest.fail("Xvfb did not start")
        yield f":{number}"


@contextmanager
def _program(command, environ, **options):
    """Run a program until the end of the block, and end it with all that it started."""
    silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    process = subprocess.Popen(command, env=environ, start_new_session=True, **silent, **options)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(_PATIENCE_S)

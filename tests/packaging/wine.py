"""A Windows in a folder: Wine, which runs programs of Windows, with a drive C of its own."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import pytest

BY_DEBIAN = Path("/usr/lib/wine")  # where its package wine64 has it, which is in no path
ALL_IN_S = 200
ENTRY = r"Software\Microsoft\Windows\CurrentVersion\Uninstall\Undertext"


class Wine:
    """Runs programs of Windows.

    Attributes:
        home: The user's folder.
    """

    def __init__(self, wine, server, folder):
        self._wine, self._server = wine, server
        # Without a screen, without the packages that Wine would like to fetch for web pages and .NET, and without
        # what Wine would put into the menus of this machine.
        kept = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
        own = {"WINEPREFIX": str(folder / "prefix"), "HOME": str(folder), "USER": "somebody", "WINEDEBUG": "-all"}
        self.environ = kept | own | {"WINEDLLOVERRIDES": "mscoree,mshtml,winemenubuilder.exe="}
        self._users = folder / "prefix" / "drive_c" / "users"

    @property
    def home(self):
        return self._users / "somebody"

    def command(self, program, *arguments):
        return [self._wine, str(program), *map(str, arguments)]

    def run(self, program, *arguments):
        """Run a program to its end; return its code and what it printed.

        It prints into a file: what Wine starts beside a program would keep a pipe open after its end.
        """
        with TemporaryFile() as printed:
            command = self.command(program, *arguments)
            streams = {"stdin": subprocess.DEVNULL, "stdout": printed, "stderr": subprocess.STDOUT}
            code = subprocess.run(command, env=self.environ, timeout=ALL_IN_S, check=False, **streams).returncode
            printed.seek(0)
            return code, printed.read().decode(errors="replace")

    def settle(self):
        """Wait until no program runs any more, those too that others started."""
        subprocess.run([self._server, "-w"], env=self.environ, timeout=ALL_IN_S, check=True)

    def pretend(self, version):
        """Be another version of Windows from now on."""
        self.run("reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", version, "/f")

    def entry(self):
        """Return what the list of installed programs has of Undertext; nothing if it does not name it."""
        code, told = self.run("reg", "query", rf"HKCU\{ENTRY}")
        rows = (line.split(maxsplit=2) for line in told.splitlines() if "REG_" in line)
        return {} if code else {name: value.strip() for name, _kind, value in rows}

    def files(self):
        """Return every file of the user's, but what is there for a moment."""
        found = (path.relative_to(self.home) for path in self.home.rglob("*") if path.is_file())
        return {path.as_posix() for path in found if "Temp" not in path.parts}


@contextmanager
def new_wine(folder):
    """Yield a new Windows 10; skip where there is no Wine of 64 bits."""
    places = f"{BY_DEBIAN}:{os.environ['PATH']}"
    wine, server = (shutil.which(name, path=places) for name in ("wine64", "wineserver"))
    if wine is None or server is None:
        pytest.skip("wine64 is not installed")
    folder.mkdir(exist_ok=True)
    one = Wine(wine, server, folder)
    one.pretend("win10")
    try:
        yield one
    finally:
        subprocess.run([server, "-k"], env=one.environ, check=False)
        subprocess.run([server, "-w"], env=one.environ, timeout=ALL_IN_S, check=False)

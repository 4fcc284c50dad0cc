"""What goes over the network: nothing, unless a person asked for it. The kernel's own list says so."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

from engine.transcript.library import Library
from tests.program import Program, cut_demo, light_model
from tests.screen import screen, wait_for

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed"),
]

MAIN = "import sys, main\nsys.exit(main.main(sys.argv[1:]))\n"
WINDOW = """
import sys
from desktop import app

class Started(app.App):
    def start(self):
        super().start()
        self.controls.start_wanted.emit("demo")
        print("begun", flush=True)

app.App = Started
sys.exit(app.run())
"""


@pytest.fixture
def undertext(tmp_path):
    return Program(tmp_path)


@pytest.fixture
def watched(tmp_path):
    """Return the beginning of a command that is watched, and what gives the places that it called."""
    log = tmp_path / "calls"
    if subprocess.run(["strace", "-qq", "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may watch nothing here")
    command = ("strace", "--seccomp-bpf", "-f", "-q", "-e", "trace=connect,sendto,sendmsg", "-o", log)

    def called():
        wait_for(lambda: log.read_text(encoding="utf-8").endswith("+++ exited with 0 +++\n"), "the end of the list")
        return re.findall(r"sin6?_port=htons\((\d+)\)", log.read_text(encoding="utf-8"))

    return command, called


def test_a_call_is_seen(watched, undertext):
    command, called = watched
    code = "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('127.0.0.1', 9)); import main"
    assert undertext.run(command=(*command, sys.executable, "-c", code)).returncode == 0
    assert called() == ["9"]


@pytest.mark.model
def test_captions_in_the_terminal_call_nobody_and_leave_nothing_elsewhere(watched, undertext, tmp_path):
    command, called = watched
    person = tmp_path / "person"
    person.mkdir()
    clip = cut_demo(undertext.folder / "clip.wav", 6)
    words = ("caption", clip, "--pace", "fast", "--model", light_model())
    mine = {name: str(person) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    done = undertext.run(*words, command=(*command, sys.executable, "-c", MAIN), **mine)
    assert done.returncode == 0
    assert done.stdout.strip()
    assert called() == []
    assert list(person.iterdir()) == []  # such as a number by which a library knows the machine again


@pytest.mark.screen
@pytest.mark.model
def test_the_window_calls_nobody_while_it_captions(watched, undertext, tmp_path):
    command, called = watched
    chosen = {"engine": {"model": str(light_model())}}
    (undertext.home / "settings.json").write_text(json.dumps(chosen), encoding="utf-8")
    program = tmp_path / "program.py"
    program.write_text(WINDOW, encoding="utf-8")
    transcripts = Library(undertext.home / "transcripts")
    with screen("openbox") as shown:
        shown.environ |= {"UNDERTEXT_HOME": str(undertext.home), "PULSE_SERVER": "unix:/nowhere"}
        with shown.child(program, before=(command[0], "-D", *command[1:])) as child:  # -D: the child is the program
            assert child.line() == "begun"
            wait_for(lambda: any(listed.words for listed in transcripts.sessions()), "captions")
            os.kill(child.pid, signal.SIGTERM)
            assert child.wait() == 0
    assert called() == []

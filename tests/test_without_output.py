"""The program of Windows' desktop, which has no terminal: Python gives it neither output nor error stream."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

import main
from desktop.assets import DEMO_CLIP
from engine.audio import decoder
from tests.program import Program

ROOT = Path(__file__).parent.parent
BEGIN = "import sys; sys.stdin = sys.stdout = sys.stderr = None; import main; sys.exit(main.main())"
SILENT = {"PULSE_SERVER": "unix:/nowhere"}


@pytest.fixture
def undertext(tmp_path):
    return Program(tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["sessions"],
        ["doctor"],
        ["models"],
        ["caption", "nothing.wav"],
        ["export", "nothing.jsonl"],
        ["--loud"],
        ["dance"],
    ],
)
def test_what_nobody_can_read_ends_as_it_does_in_a_terminal(undertext, arguments):
    told = undertext.run(*arguments, command=(sys.executable, "main.py"), **SILENT)
    assert told.stdout + told.stderr
    done = undertext.run(*arguments, command=(sys.executable, "-c", BEGIN), **SILENT)
    assert (done.returncode, done.stdout, done.stderr) == (told.returncode, "", "")


def test_an_error_of_ours_is_in_the_log(undertext):
    broken = "import desktop.terminal.sessions as command; command.run = dict.popitem; import main;"
    begin = BEGIN.replace("import main;", broken)
    done = undertext.run("sessions", command=(sys.executable, "-c", begin))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert "uncaught TypeError" in (undertext.home / "logs" / "undertext.log").read_text(encoding="utf-8")


def test_it_decodes_for_another_process_all_the_same():
    """Its standard input and output are there, though Python has no names for them."""
    sounds = []
    for command in (["main.py"], ["-c", BEGIN]):
        with DEMO_CLIP.open("rb") as clip:
            whole = [sys.executable, *command, decoder.ARGUMENT, "sound.ogg"]
            sounds.append(subprocess.run(whole, stdin=clip, capture_output=True, cwd=ROOT, check=True).stdout)
    assert sounds[0] == sounds[1]
    assert len(sounds[0]) > decoder.LENGTH.size


@pytest.mark.parametrize(
    ("number", "filename", "platform", "nobody"),
    [
        (errno.EPIPE, None, "linux", True),
        (errno.EIO, None, "linux", True),
        (errno.EINVAL, None, "linux", False),
        (errno.EPIPE, None, "win32", True),
        (errno.EINVAL, None, "win32", True),
        (errno.EINVAL, "a?b", "win32", False),
        (errno.ENOSPC, None, "win32", False),
    ],
)
def test_a_reader_that_went_is_told_from_a_fault(number, filename, platform, nobody):
    assert main.nobody_reads(OSError(number, "as the system says it", filename), platform) == nobody

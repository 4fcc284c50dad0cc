"""However the program ends, every word that it showed as final is kept.

UNDERTEXT_REPEAT kills it more often than the suite has time for.
"""

import os
import random
import shutil
import signal

import pytest

from engine.transcript.library import Library
from tests.program import Program, committed, cut_demo, is_committing, light_model, troubles

KILLS = int(os.environ.get("UNDERTEXT_REPEAT", "3"))

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed"),
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9"),
]


@pytest.fixture(scope="module", autouse=True)
def model():
    return light_model()


@pytest.fixture
def undertext(tmp_path):
    return Program(tmp_path)


def kept(folder):
    """Return the words of the newest transcript."""
    return "".join(f" {segment.text}" for segment in Library(folder).read("last").segments).split()


@pytest.mark.parametrize("seed", range(KILLS))
def test_kill_9_loses_no_word_that_was_shown_as_final(undertext, model, seed):
    chance = random.Random(seed)
    lines = chance.randrange(3, 40)  # of the 80 that the demo makes: it is killed somewhere between
    with undertext.running("caption", "demo", "--pace", "fast", "--model", model) as process:
        undertext.shows(lambda events: len(events) >= lines, f"{lines} events")
        process.kill()
        process.wait()
    shown = committed(undertext.events())
    assert kept(undertext.kept)[: len(shown)] == shown
    assert undertext.run("sessions", "--from", undertext.kept).stdout.splitlines()[-1].endswith("\trecovered")
    exported = undertext.run("export", "last", "--from", undertext.kept, "--format", "srt")
    assert exported.returncode == 0
    assert ("-->" in exported.stdout) >= bool(shown)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_to_end_lets_it_finish_its_words(undertext, model, name):
    with undertext.running("caption", "demo", "--model", model) as process:
        undertext.hears(is_committing, "words")
        process.send_signal(getattr(signal, name))
        out, said = process.communicate(timeout=60)
    assert (process.returncode, troubles(said)) == (0, [])
    events = undertext.events()
    assert [event["state"] for event in events if event["type"] == "state"][-2:] == ["stopping", "idle"]
    assert out.split() == committed(events) == kept(undertext.kept)
    (summary,) = Library(undertext.kept).sessions()
    assert summary.ended


def test_a_signal_that_comes_twice_at_once_is_one(undertext, model):
    with undertext.running("caption", "demo", "--model", model) as process:
        undertext.hears(is_committing, "words")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert Library(undertext.kept).sessions()[0].ended


def test_when_nobody_reads_any_more_it_ends_without_a_traceback(undertext, model):
    clip = cut_demo(undertext.folder / "clip.wav", 10)
    with undertext.running("caption", clip, "--pace", "fast", "--model", model) as process:
        process.stdout.close()
        process.wait(60)
        assert process.stderr.read() == ""
    assert process.returncode == 1
    assert Library(undertext.kept).sessions()[0].ended

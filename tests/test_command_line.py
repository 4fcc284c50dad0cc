"""The command line is a contract: what other programs and benchmarks read of it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import srt

from desktop.updates.publisher import PUBLISHER
from engine.transcript.export import FORMATS
from engine.whisper.driver import find_driver
from tests.program import ROOT, Program, committed, cut_demo, is_listening, light_model, read_events

pytestmark = pytest.mark.long

CLIP_S = 6.0
KEYS = {
    "state": {"state", "detail"},
    "caption": {"segment", "committed", "unstable", "final", "language", "words"},
    "gap": {"start_s", "end_s", "reason"},
    "stats": {"lag_s", "level_db", "updates", "decode_ms", "busy", "speaking", "overruns"}
    | {"level", "skipped_s", "cpu_s", "fallback"},
    "error": {"kind", "message", "hint", "fatal"},
}
WORD_KEYS = {"text", "start_s", "end_s", "probability"}
SILENT = {"PULSE_SERVER": "unix:/nowhere"}  # no server answers there
no_card = pytest.mark.skipif(Path("/dev/snd").exists(), reason="this machine has a sound card, which needs no server")


@pytest.fixture
def undertext(tmp_path):
    return Program(tmp_path)


@pytest.fixture(scope="module")
def model():
    return light_model()


@pytest.fixture(scope="module")
def done(tmp_path_factory, model):
    """Some seconds of the demo, captioned as fast as possible: the program with what it left, and its output."""
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    program = Program(tmp_path_factory.mktemp("done"))
    clip = cut_demo(program.folder / "clip.wav", CLIP_S)
    words = ("--pace", "fast", "--model", model, "--events", program.events_file, "--save", program.kept)
    finished = program.run("caption", clip, *words)
    assert (finished.returncode, finished.stderr) == (0, "")
    return program, clip, finished.stdout


def by_segment(events):
    """Return the captions of each segment, in order."""
    captions = [event for event in events if event["type"] == "caption"]
    return [
        [caption for caption in captions if caption["segment"] == number]
        for number in sorted({caption["segment"] for caption in captions})
    ]


def test_every_event_has_the_keys_of_its_type(done):
    for event in done[0].events():
        assert KEYS[event["type"]] | {"type", "at_s", "audio_s"} == set(event)
        assert all(set(word) == WORD_KEYS for word in event.get("words", ()))


def test_the_states_tell_the_whole_way(done):
    states = [event["state"] for event in done[0].events() if event["type"] == "state"]
    assert states == ["loading", "listening", "stopping", "idle"]


def test_times_never_run_backwards_nor_beyond_the_sound(done):
    events = done[0].events()
    for key in ("at_s", "audio_s"):
        assert all(earlier[key] <= later[key] for earlier, later in pairwise(events))
    assert next(filter(is_listening, events))["audio_s"] == 0
    assert events[-1]["audio_s"] == pytest.approx(CLIP_S, abs=0.05)
    words = [word for event in events for word in event.get("words", ())]
    assert all(0 <= word["start_s"] <= word["end_s"] <= CLIP_S + 0.05 for word in words)


def test_committed_text_only_grows_and_is_its_words(done):
    for captions in by_segment(done[0].events()):
        text = ""
        for caption in captions:
            text += "".join(word["text"] for word in caption["words"])
            assert caption["committed"].strip() == text.strip()
        assert [caption["final"] for caption in captions] == [False] * (len(captions) - 1) + [True]


def test_every_final_segment_is_a_plain_line(done):
    program, _, out = done
    assert out.splitlines() == [captions[-1]["committed"] for captions in by_segment(program.events())]
    assert "\x1b" not in out


def test_only_its_owner_may_read_what_was_said(done):
    files = [done[0].events_file, *done[0].kept.iterdir()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_real_pace_changes_no_text(done, undertext, model):
    _, clip, out = done
    paced = undertext.run("caption", clip, "--model", model, "--events", undertext.events_file)
    assert paced.stdout == out
    events = undertext.events()
    assert events[-1]["at_s"] - next(filter(is_listening, events))["at_s"] >= CLIP_S


def test_python_main_py_is_the_same_program(done, model):
    program, clip, out = done
    again = program.run("caption", clip, "--pace", "fast", "--model", model, command=(sys.executable, "main.py"))
    assert again.stdout == out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo terminal")
def test_a_terminal_shows_what_is_final_bright_and_the_rest_dim(done, model):
    import pty

    program, clip, out = done
    screen, terminal = pty.openpty()
    words = ("caption", str(clip), "--pace", "fast", "--model", model)
    with subprocess.Popen(
        [sys.executable, "main.py", *words],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=ROOT,
        env=program.env(TERM="xterm-256color", COLUMNS="200"),
    ) as process:
        os.close(terminal)
        shown = _all_of(screen)
    assert process.returncode == 0
    assert "\x1b[1mHello" in shown  # bold
    assert "\x1b[2;3m" in shown  # dim, italic
    assert all(f"\n{line}" in shown or f"K{line}" in shown for line in out.splitlines())


def _all_of(screen):
    """Read a terminal until nobody holds its other side."""
    shown = b""
    while True:
        try:
            part = os.read(screen, 4096)
        except OSError:  # what Linux says of a terminal that was closed
            part = b""
        if not part:
            os.close(screen)
            return shown.decode(errors="replace")
        shown += part


def test_the_session_is_listed_with_tabs(done):
    program, clip, _ = done
    count = sum(len(event.get("words", ())) for event in program.events())
    head, row = (line.split("\t") for line in program.run("sessions", "--from", program.kept).stdout.splitlines())
    session = dict(zip(head, row, strict=True))
    assert (session["words"], session["heard"], session["ended"]) == (str(count), clip.name, "yes")


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_the_transcript_is_exported(done, kind):
    program, _, out = done
    exported = program.run("export", "last", "--from", program.kept, "--format", kind)
    assert exported.returncode == 0
    assert exported.stdout.startswith({"vtt": "WEBVTT\n", "json": "{", "srt": "1\n"}.get(kind, out))
    if kind == "srt":
        assert " ".join(cue.content for cue in srt.parse(exported.stdout)).split() == out.split()
    if kind == "json":
        assert " ".join(segment["text"] for segment in json.loads(exported.stdout)["segments"]).split() == out.split()


def test_an_export_goes_into_a_file(done, tmp_path):
    program, _, out = done
    program.run("export", "last", "--from", program.kept, "--output", tmp_path / "talk.txt")
    assert (tmp_path / "talk.txt").read_text(encoding="utf-8") == out


def test_models_are_listed_with_tabs(undertext):
    listed = undertext.run("models")
    head, *rows = (line.split("\t") for line in listed.stdout.splitlines())
    assert (listed.returncode, head[0]) == (0, "model")
    assert {"tiny.en", "base"} <= {row[0] for row in rows}


@no_card
def test_without_sound_the_list_of_devices_says_what_is_missing(undertext):
    listed = undertext.run("devices", **SILENT)
    assert listed.returncode == 1
    assert "Start PulseAudio" in listed.stdout


@no_card
def test_the_doctor_names_each_fault_with_its_mend(undertext, model):
    found = undertext.run("doctor", DISPLAY="", WAYLAND_DISPLAY="", **SILENT)
    assert found.returncode == 1
    assert "Traceback" not in found.stdout + found.stderr
    lines = found.stdout.splitlines()
    assert [line for line in lines if line.startswith("✓  model")]
    assert {line[3:17].strip() for line in lines if line.startswith("✗")} == {"system sound", "microphone", "screen"}
    assert "Start PulseAudio" in found.stdout


@pytest.mark.sound
def test_the_doctor_is_content_with_a_sound_server(sound_server, undertext):
    found = undertext.run("doctor").stdout.splitlines()
    assert [line for line in found if line.startswith("✓  system sound") and "48000 Hz, 2 channels" in line]
    assert [line for line in found if line.startswith("✓  microphone") and "48000 Hz, 1 channels" in line]


WRONG = {
    "missing file": (["caption", "nothing.wav"], "nothing.wav"),
    "folder as file": (["caption", "assets"], "is a folder"),
    "no sound in it": (["caption", "main.py"], "main.py"),
    "unknown model": (["caption", "demo", "--model", "huge"], "'huge'"),
    "unknown language": (["caption", "demo", "--language", "xx"], "'xx'"),
    "English model": (["caption", "demo", "--model", "tiny.en", "--language", "de"], "English only"),
    "model that does not translate": (
        ["caption", "demo", "--model", "tiny.en", "--task", "translate"],
        "cannot translate",
    ),
    "unknown task": (["caption", "demo", "--task", "explain"], "choose from"),
    "missing vocabulary": (["caption", "demo", "--vocabulary", "nothing.txt"], "nothing.txt"),
    "vocabulary in no text": (["caption", "demo", "--vocabulary", "assets/icon-64.png"], "not UTF-8"),
    "no GPU": (["caption", "demo", "--device", "cuda"], "cpu"),
    "nobody to ask for a version": (["updates"], "knows no address to ask"),
    "no GPU to check": (["doctor", "--gpu"], "no graphics card can be used here"),
    "GPU pack for a program from source": (["gpu", "install", "pack.zip"], "./run gpu"),
    "unwritable events": (["caption", "demo", "--events", "/nowhere/e.jsonl"], "/nowhere/e.jsonl"),
    "unwritable folder": (["caption", "demo", "--save", "main.py"], "it is a file"),
    "no sound server": (["caption", "system"], "Start PulseAudio"),
    "unknown device": (["caption", "demo", "--device", "abacus"], "choose from"),
    "no source": (["caption"], "SOURCE"),
    "unknown session": (["export", "nosuch"], "'nosuch'"),
    "unknown format": (["export", "last", "--format", "doc"], "choose from"),
    "unknown command": (["subtitle"], "choose from"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_input_is_one_sentence_with_its_mend(case, undertext):
    if case.startswith("no GPU") and (driver := find_driver()) and driver.cards:
        pytest.skip("there is a graphics card")
    if case.startswith("nobody to ask") and PUBLISHER.is_known:
        pytest.skip("there is a publisher")
    arguments, clue = WRONG[case]
    refused = undertext.run(*arguments, **SILENT)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("undertext")
    assert refused.stderr.count("\n") == 1
    assert clue in refused.stderr
    assert ". " in refused.stderr


@no_card
def test_without_a_microphone_it_says_how_to_get_one(undertext, model):
    refused = undertext.run("caption", "mic", "--model", model, **SILENT)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert (
        refused.stderr == "undertext: there is no microphone. Connect a microphone, or start PulseAudio or PipeWire.\n"
    )


def test_events_that_no_longer_fit_end_no_captions(done, model):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    program, clip, out = done
    full = program.run("caption", clip, "--pace", "fast", "--model", model, "--events", "/dev/full")
    assert (full.returncode, full.stdout) == (0, out)
    assert "can no longer be written" in full.stderr


def test_a_file_may_have_any_name(done, model, tmp_path):
    program, clip, out = done
    strange = os.fsencode(tmp_path / "clip") + b"\xff.wav"
    shutil.copy(clip, strange)
    events = tmp_path / "events.jsonl"
    named = program.run("caption", os.fsdecode(strange), "--pace", "fast", "--model", model, "--events", events)
    assert (named.returncode, named.stdout) == (0, out)
    assert committed(read_events(events)) == out.split()


def test_a_reader_who_leaves_early_sees_no_traceback(undertext):
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(
        [sys.executable, "main.py", "models"], stdout=writing, stderr=subprocess.PIPE, cwd=ROOT, env=undertext.env()
    ) as process:
        os.close(writing)
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_ctrl_c_while_starting_is_no_traceback(undertext):
    interrupt = f"lambda _given: signal.raise_signal({signal.SIGINT})"
    code = f"import signal, main; main._parser = {interrupt}; raise SystemExit(main.main())"
    stopped = undertext.run("-c", code, command=(sys.executable,))
    assert (stopped.returncode, stopped.stderr) == (130, "")

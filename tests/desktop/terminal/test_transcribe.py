"""`undertext transcribe`: whatever happens, what is finished stays, and the same command goes on from there."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import srt

from desktop.assets import DEMO_CLIP
from desktop.terminal import transcribe
from desktop.terminal.progress import Meter
from engine.audio.media import MediaSound
from engine.errors import EngineError, MediaUnreadable, SettingsError
from engine.recordings.delivery import Delivered, Failed, Progress, Skipped
from engine.recordings.places import Place
from engine.recordings.transcriber import LENGTHS
from engine.transcript.export import FORMATS, parse_json
from engine.transcript.records import Header, Transcript
from engine.units import samples
from engine.whisper.cpu_batch import TOGETHER
from tests.program import ALL_IN_S, ROOT, UNDERTEXT, Program, light_model, plain
from tests.sound_server import until

pytestmark = pytest.mark.long

SAID = (DEMO_CLIP.parent / "demo.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def model():
    return light_model()


@pytest.fixture
def program(tmp_path):
    return Program(tmp_path)


@pytest.fixture
def command(program, model, monkeypatch, capsys):
    """Run the command in this process, in a home of its own; return code, output and errors."""
    monkeypatch.setenv("UNDERTEXT_HOME", str(program.home))
    parser = argparse.ArgumentParser()
    transcribe.configure(parser)

    def run(*words):
        arguments = parser.parse_args([*map(str, words), "--model", str(model), "--threads", "1"])
        code = transcribe.run(arguments)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


@pytest.fixture
def talks(tmp_path):
    """A folder with two recordings of one name and one below."""
    folder = tmp_path / "talks"
    (folder / "deep").mkdir(parents=True)
    spoken(folder / "talk.wav", 8)
    shutil.copy(DEMO_CLIP, folder / "talk.ogg")
    spoken(folder / "deep" / "née [1] & so.wav", 5)
    return folder


def spoken(path, length_s, times=1, pause_s=0):
    """Write the first seconds of the demo and a pause, so many times over."""
    with MediaSound(DEMO_CLIP) as sound:
        said = sound.read()[: samples(length_s)]
        while len(said) < samples(length_s) and len(block := sound.read()):
            said = np.concatenate([said, block])[: samples(length_s)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.tile(np.pad(said, (0, samples(pause_s))), times).tobytes())
    return path


def takes(path, count):
    """Write a recording that is cut into so many takes: speech so far apart never shares one."""
    return spoken(path, 8, count, pause_s=LENGTHS.apart_s + 1)


def test_a_folder_becomes_transcripts_once(command, talks):
    code, out, _ = command(talks, "--format", ",".join(FORMATS))
    assert code == 0
    written = {path.relative_to(talks).as_posix() for path in talks.rglob("*.*") if path.suffix[1:] in FORMATS}
    stems = ("talk.wav", "talk.ogg", "deep/née [1] & so")
    assert written == {f"{stem}.{kind}" for stem in stems for kind in FORMATS}
    assert {Path(line).relative_to(talks).as_posix() for line in out.splitlines()} == written
    text = (talks / "talk.ogg.txt").read_text(encoding="utf-8")
    missed = set(plain(SAID).split()) - set(plain(text).split())
    assert len(missed) < 0.2 * len(set(plain(SAID).split()))
    cues = list(srt.parse((talks / "talk.ogg.srt").read_text(encoding="utf-8")))
    assert plain(" ".join(cue.content for cue in cues)) == plain(text)
    transcript = parse_json((talks / "talk.ogg.json").read_text(encoding="utf-8"))
    assert (transcript.ended, transcript.header.source) == (True, "talk.ogg")
    before = {path: path.stat().st_mtime_ns for path in talks.rglob("*.*")}

    code, out, err = command(talks, "--format", "srt")
    assert (code, out, err.count("is done already")) == (0, "", 3)
    assert {path: path.stat().st_mtime_ns for path in talks.rglob("*.*")} == before

    code, out, err = command(talks / "talk.wav", "--format", "txt", "--again")
    assert (code, out) == (0, f"{talks / 'talk.wav.txt'}\n")


def test_a_broken_file_is_named_and_the_rest_goes_on(command, talks, tmp_path):
    (talks / "broken.mp3").write_bytes(b"no sound at all")
    out = tmp_path / "out"
    code, shown, err = command(talks / "broken.mp3", talks / "nothing.wav", talks / "talk.wav", "--output", out)
    assert (code, shown) == (1, f"{out / 'talk.wav.txt'}\n")
    assert [path.name for path in out.iterdir()] == ["talk.wav.txt"]
    assert "broken.mp3 cannot be read" in err
    assert "nothing.wav cannot be read" in err
    assert "2 recordings failed" in err


def test_silence_is_an_empty_transcript_and_is_said(command, tmp_path):
    with wave.open(str(tmp_path / "still.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(64_000))
    code, _, err = command(tmp_path / "still.wav", "--format", "txt,vtt")
    assert (code, (tmp_path / "still.txt").read_text(), (tmp_path / "still.vtt").read_text()) == (0, "", "WEBVTT\n")
    assert "nobody speaks in" in err


def test_what_somebody_else_wrote_is_left_as_it_is(command, talks):
    (talks / "talk.wav.txt").write_text("notes of mine")
    code, _, err = command(talks / "talk.wav")
    assert (code, (talks / "talk.wav.txt").read_text()) == (1, "notes of mine")
    assert "--again" in err
    assert command(talks / "talk.wav", "--again")[0] == 0
    assert (talks / "talk.wav.txt").read_text() != "notes of mine"


WRONG = {
    "no such format": (["{talk}", "--format", "txt,doc"], SettingsError, "no format 'doc'"),
    "an empty folder": (["{empty}"], MediaUnreadable, "no recording in"),
    "an output that is a file": (["{talk}", "--output", "{talk}"], SettingsError, "it is a file"),
    "a language of no model": (["{talk}", "--language", "klingon"], SettingsError, "no language"),
    "a vocabulary that is not there": (["{talk}", "--vocabulary", "{empty}/v.txt"], SettingsError, "cannot be read"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_input_ends_before_anything_is_heard(case, command, talks, tmp_path):
    words, kind, clue = WRONG[case]
    (tmp_path / "empty").mkdir()
    places = {"talk": talks / "talk.wav", "empty": tmp_path / "empty"}
    with pytest.raises(EngineError) as refused:
        command(*(word.format(**places) for word in words))
    assert isinstance(refused.value, kind)
    assert clue in str(refused.value)
    assert refused.value.hint


def ledgers(program):
    return list((program.home / "recordings").glob("*.jsonl"))


def finished_takes(program):
    return sum(path.read_bytes().count(b'"type":"take"') for path in ledgers(program))


no_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


@pytest.fixture
def ended(program, model, tmp_path):
    """End the command by a signal once a take is finished; return its words, the recording, its code, what it said."""

    def by(number):
        talk = takes(tmp_path / "talk.wav", TOGETHER + 3)
        words = ("transcribe", talk, "--model", model, "--threads", "1", "--format", "json")
        with subprocess.Popen(
            [UNDERTEXT, *map(str, words)], cwd=ROOT, env=program.env(), stderr=subprocess.PIPE, encoding="utf-8"
        ) as process:
            until(lambda: finished_takes(program) >= 1 or process.poll() is not None, "a take", ALL_IN_S)
            process.send_signal(number)
            said = process.stderr.read()
        assert not talk.with_suffix(".json").exists()
        assert finished_takes(program) >= 1
        return words, talk, process.returncode, said

    return by


@no_signals
def test_who_interrupts_is_told_that_it_goes_on_from_there(ended):
    _, _, code, said = ended(signal.SIGINT)
    assert code == 130
    assert "goes on from there" in said


@no_signals
def test_what_is_finished_when_it_is_killed_is_not_heard_again(program, ended):
    words, talk, code, said = ended(signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert "goes on from there" not in said
    kept = finished_takes(program)
    before = [path.read_bytes() for path in ledgers(program)]

    assert program.run(*words).returncode == 0
    resumed = json.loads(talk.with_suffix(".json").read_text(encoding="utf-8"))
    lines = before[0].split(b"\n")[1 : kept + 1]
    kept_words = [word[0] for line in lines for word in json.loads(line[9:])["words"]]
    words_now = [word["text"] for segment in resumed["segments"] for word in segment["words"]]
    assert words_now[: len(kept_words)] == kept_words
    assert len(words_now) > len(kept_words)
    assert finished_takes(program) == 0


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_a_full_disk_is_one_sentence(program, model, tmp_path):
    talk = spoken(tmp_path / "talk.wav", 12)
    full = ("bash", "-c", 'ulimit -f 1; exec "$@"', "-", UNDERTEXT)
    ended = program.run("transcribe", talk, "--model", model, "--format", "json", "--threads", "1", command=full)
    assert ended.returncode == 1
    assert f"{talk.with_suffix('.json')} cannot be written" in ended.stderr
    assert "Free some space." in ended.stderr
    assert "Traceback" not in ended.stderr
    assert [path.name for path in tmp_path.glob("*talk*")] == ["talk.wav"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo terminal")
def test_a_terminal_shows_how_fast_it_goes_and_what_is_left(program, model, tmp_path):
    import pty

    talk = takes(tmp_path / "talk.wav", 2)
    screen, terminal = pty.openpty()
    words = ("transcribe", talk, tmp_path / "nothing.wav", "--model", model, "--threads", "1")
    with subprocess.Popen(
        [UNDERTEXT, *map(str, words)],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=ROOT,
        env=program.env(TERM="xterm-256color", COLUMNS="120"),
    ) as process:
        os.close(terminal)
        shown = b""
        try:
            while part := os.read(screen, 4096):
                shown += part
        except OSError:  # nobody holds its other side any more
            os.close(screen)
    assert process.returncode == 1
    text = shown.decode(errors="replace")
    assert "× real time" in text
    assert " left" in text
    assert "nothing.wav cannot be read" in text


def test_the_help_tells_of_it(program):
    told = program.run("transcribe", "--help").stdout
    assert all(option in told for option in ("--format", "--output", "--again", "--language"))


def place(name):
    return Place(Path(f"{name}.wav"), Path(name))


def test_time_left_goes_by_what_is_left_to_do():
    big, small, old, broken = map(place, ("big", "small", "old", "broken"))
    meter = Meter({big: 900, small: 100, old: 5000, broken: 5000}, began_s=0.0)
    assert meter.left_s(1.0) is None
    for report in (Skipped(old), Failed(broken, EngineError("no"))):
        meter.take(report)
    meter.take(Progress(big, samples(50), samples(100)))
    assert meter.fraction == pytest.approx(0.45)
    assert meter.left_s(9.0) == pytest.approx(11.0)
    assert meter.speed(10.0) == pytest.approx(5.0)
    header = Header("", "", None, "", "")
    meter.take(Delivered(big, (), Transcript(header), samples(100)))
    meter.take(Delivered(small, (), Transcript(header), samples(10)))
    assert meter.fraction == 1.0
    assert meter.summary(11.0) == (
        "2 recordings transcribed: 0:01:50 of sound in 0:00:11, 10.0 × real time; "
        "1 recording done before (--again does them again); 1 recording failed"
    )


def test_what_was_done_by_an_earlier_run_makes_this_one_no_faster():
    meter = Meter({place("talk"): 100}, began_s=0.0)
    meter.take(Progress(place("talk"), samples(60), samples(100), samples(50)))
    assert (meter.fraction, meter.speed(10.0)) == (pytest.approx(0.6), pytest.approx(1.0))
    meter.take(Delivered(place("talk"), (), Transcript(Header("", "", None, "", "")), samples(100), samples(50)))
    assert (meter.fraction, meter.speed(10.0)) == (1.0, pytest.approx(5.0))

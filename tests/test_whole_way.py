"""What a real sound server plays is captioned like the file itself."""

import csv
import os
import shutil
import signal
import subprocess

import jiwer
import pytest

from desktop.assets import DEMO_CLIP
from tests import material
from tests.program import Program, committed, is_listening, light_model, plain, troubles
from tests.sound_server import INTO_MICROPHONE

pytestmark = [
    pytest.mark.long,
    pytest.mark.sound,
    pytest.mark.model,
    pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed"),
]

# Real read speech. Playing takes as long as listening, so a server gets one clip. UNDERTEXT_LONG plays two minutes.
CLIPS = {"pulseaudio": "ljspeech/LJ001-0005.wav", "pipewire": "ljspeech/LJ001-0009.wav"}
# What is played begins anywhere in the engine's grid of steps, and shifted in it a clip is heard differently by a
# word or three. So the file is captioned at more than one place in the grid.
LEADS_MS = (0, 100)
LONG = "long/pm_long_LJ003-0056_0072.flac"


@pytest.fixture(scope="module")
def model():
    return light_model()


@pytest.fixture
def undertext(tmp_path):
    return Program(tmp_path)


def spoken(names, folder):
    """Return a clip made of recordings, and what is said in it; of the demo where there are none."""
    if not (material.SHARED / "audio").is_dir():
        text = DEMO_CLIP.with_suffix(".txt").read_text(encoding="utf-8")
        return _wav([DEMO_CLIP], folder), " ".join(line.partition(":")[2] for line in text.splitlines())
    with material.recording("MANIFEST.tsv").open(encoding="utf-8") as table:
        said = {row["file"]: row["transcript"] for row in csv.DictReader(table, delimiter="\t")}
    return _wav([material.recording(name) for name in names], folder), " ".join(said[name] for name in names)


def _wav(paths, folder):
    """Join recordings, half a second apart."""
    inputs = [part for path in paths for part in ("-i", str(path))]
    padded = "".join(f"[{i}:a]aresample=16000,apad=pad_dur=0.5[p{i}];" for i in range(len(paths)))
    joined = "".join(f"[p{i}]" for i in range(len(paths))) + f"concat=n={len(paths)}:v=0:a=1"
    clip = folder / "clip.wav"
    subprocess.run(["ffmpeg", "-v", "error", *inputs, "-filter_complex", padded + joined, clip], check=True, timeout=60)
    return clip


def errors(said, events):
    """Return how many words were heard wrongly."""
    measured = jiwer.process_words(plain(said), plain(" ".join(committed(events))))
    return measured.substitutions + measured.deletions + measured.insertions


def listen_to(undertext, source, sink, clip, model):
    """Caption a source while a clip is played into a sink, and return the events."""
    with undertext.running("caption", source, "--model", model) as process:
        undertext.hears(is_listening, "listening")
        subprocess.run(["paplay", "--latency-msec=200", f"--device={sink}", clip], check=True, timeout=200)
        end_s = undertext.events()[-1]["audio_s"] + 2
        undertext.hears(lambda event: event["audio_s"] >= end_s, "the end of the clip")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, troubles(said)) == (0, [])
    return undertext.events()


def test_captions_of_what_is_played_equal_those_of_the_file(sound_server, undertext, model, tmp_path):
    name = LONG if os.environ.get("UNDERTEXT_LONG") else CLIPS[sound_server.kind]
    clip, said = spoken([name], tmp_path)
    played = listen_to(undertext, "system", "spk", clip, model)
    assert not [event for event in played if event["type"] in {"gap", "error"}]
    direct = [errors(said, captioned(undertext, clip, lead_ms, model)) for lead_ms in LEADS_MS]
    count = len(plain(said).split())
    print(f"{sound_server.kind}: of {count} words wrong: {errors(said, played)} as played, {direct} from the file")
    slack = max(2, count / 100)  # a point, or two words where two words are more
    assert min(direct) - slack <= errors(said, played) <= max(direct) + slack


def captioned(undertext, clip, lead_ms, model):
    """Caption a file after so much silence, and return the events."""
    led = clip.with_stem(f"led-{lead_ms}")
    subprocess.run(["ffmpeg", "-v", "error", "-i", clip, "-af", f"adelay={lead_ms}", led], check=True, timeout=60)
    undertext.run("caption", led, "--pace", "fast", "--model", model, "--events", undertext.events_file)
    return undertext.events()


def test_speech_into_the_microphone_is_captioned(sound_server, undertext, model, tmp_path):
    if sound_server.kind != "pulseaudio":
        pytest.skip("the way is the same as that of the computer's sound")
    clip, said = spoken(["ljspeech/LJ001-0006.wav"], tmp_path)
    heard = listen_to(undertext, "mic", INTO_MICROPHONE, clip, model)
    assert errors(said, heard) <= len(said.split()) / 4

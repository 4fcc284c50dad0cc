"""A media file costs at most itself: whatever it is, the sound comes whole or the file is refused with a sentence."""

import http.server
import shutil
import struct
import subprocess
import sys
import threading
import wave
from pathlib import Path

import numpy as np
import pytest

from desktop.assets import DEMO_CLIP
from engine.audio import decoder, media
from engine.audio.media import MediaSound
from engine.audio.resample import Resampler
from engine.audio.sources import FileSource
from engine.errors import MediaUnreadable
from engine.units import SAMPLE_RATE, samples

needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")


def sound_of(path, **options):
    with MediaSound(path, **options) as sound:
        blocks = []
        while len(block := sound.read()):
            blocks.append(block)
    return np.concatenate(blocks)


def written(path, samples_, rate=SAMPLE_RATE):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples_.astype("<i2").tobytes())
    return path


def made(path, *options, inputs=("-i", "sine=frequency=440:duration=2.5")):
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", *inputs, *options, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def refusal(path, **options):
    """Return why a file is refused; every sentence ends with its mend."""
    with pytest.raises(MediaUnreadable) as refused:
        sound_of(path, **options)
    assert refused.value.hint
    return refused.value.sentence


def test_a_wav_file_at_16_khz_comes_as_it_is(tmp_path):
    said = np.random.default_rng(0).integers(-30000, 30000, samples(20)).astype(np.int16)
    path = written(tmp_path / "said.wav", said)
    np.testing.assert_array_equal(sound_of(path), said)
    with MediaSound(path) as sound:
        assert sound.length == len(said)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.wav", ["-ar", "44100", "-ac", "2"]),
        ("b.flac", ["-ar", "48000"]),
        ("c.mp3", []),
        ("d.opus", []),
        ("e.m4a", []),
        ("f.mkv", []),
        ("g.ts", []),
        ("h.wav", ["-ar", "8000", "-c:a", "pcm_u8"]),
    ],
)
def test_every_kind_comes_in_its_length(tmp_path, name, options):
    sound = sound_of(made(tmp_path / name, *options))
    assert len(sound) == pytest.approx(samples(2.5), abs=samples(0.08))
    assert 2800 < np.abs(sound.astype(int)).max() < 4300  # as loud as it was: FFmpeg's stereo of a tone is 3 dB lower


def test_it_hears_what_live_captions_of_the_file_hear():
    source = FileSource(DEMO_CLIP)
    source.open()
    blocks = []
    while not source.exhausted:
        blocks += source.read(0)
    resampler = Resampler(blocks[0].sample_rate)
    live = np.concatenate([*map(resampler.feed, blocks), resampler.finish()])
    ours = sound_of(DEMO_CLIP) / 32768
    count = min(len(live), len(ours))
    assert abs(len(live) - len(ours)) < samples(0.05)
    assert np.corrcoef(live[:count], ours[:count])[0, 1] > 0.99


@needs_ffmpeg
def test_video_with_subtitles_and_pictures_gives_its_sound(tmp_path):
    (tmp_path / "text.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    picture = ("-i", "testsrc=duration=2.5:size=64x64:rate=5")
    tone = ("-f", "lavfi", "-i", "sine=frequency=440:duration=2.5")
    video = made(tmp_path / "v.mkv", "-c:s", "srt", inputs=(*picture, *tone, "-f", "srt", "-i", tmp_path / "text.srt"))
    assert len(sound_of(video)) == pytest.approx(samples(2.5), abs=samples(0.05))


@needs_ffmpeg
def test_sound_that_begins_later_than_the_picture_keeps_its_time(tmp_path):
    picture = ("-i", "testsrc=duration=4:size=64x64:rate=5")
    late = ("-itsoffset", "1.5", "-f", "lavfi", "-i", "sine=frequency=440:duration=2")
    sound = sound_of(made(tmp_path / "late.mkv", inputs=(*picture, *late)))
    first = int(np.argmax(np.abs(sound.astype(int)) > 1000))
    assert first == pytest.approx(samples(1.5), abs=samples(0.05))


def test_a_file_that_breaks_off_is_worth_what_was_heard_until_then(tmp_path):
    data = DEMO_CLIP.read_bytes()
    (tmp_path / "half.ogg").write_bytes(data[: len(data) // 2])
    whole, half = sound_of(DEMO_CLIP), sound_of(tmp_path / "half.ogg")
    assert 0.3 < len(half) / len(whole) < 0.7
    np.testing.assert_array_equal(half[: samples(5)], whole[: samples(5)])


@pytest.mark.parametrize("name", ["empty.wav", "text.mp3", "zeros.mp4", "noise.flac"])
def test_what_is_no_media_is_refused(tmp_path, name):
    noise = np.random.default_rng(3).bytes(20_000)
    content = {"empty.wav": b"", "text.mp3": b"Hello.\n" * 900, "zeros.mp4": bytes(20_000), "noise.flac": noise}
    (tmp_path / name).write_bytes(content[name])
    assert name in refusal(tmp_path / name)


@needs_ffmpeg
def test_a_film_without_sound_is_refused(tmp_path):
    silent = made(tmp_path / "silent.mp4", inputs=("-i", "testsrc=duration=1:size=64x64:rate=5"))
    assert "has no sound in it" in refusal(silent)


def test_what_is_no_file_is_refused(tmp_path):
    assert "there is no file" in refusal(tmp_path / "nothing.wav")
    assert "is a folder" in refusal(tmp_path)


@pytest.fixture
def visitors():
    """Addresses that somebody asked a server of the test's own for."""
    asked = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_address[1], asked
        server.shutdown()
        thread.join()


PLAYLISTS = {
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
    "list.mp3": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
    "list.ffconcat": "ffconcat version 1.0\nfile '{target}'\n",
    "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "list.mpd": '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet><Representation><BaseURL>{target}'
    "</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "list.asx": '<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
}


@pytest.mark.parametrize("name", PLAYLISTS)
@pytest.mark.parametrize("names", ["address", "file"])
def test_a_playlist_opens_nothing_that_it_names(tmp_path, visitors, name, names):
    port, asked = visitors
    target = f"http://127.0.0.1:{port}/secret.mp3" if names == "address" else str(DEMO_CLIP)
    (tmp_path / name).write_text(PLAYLISTS[name].format(target=target))
    refusal(tmp_path / name)
    assert asked == []


def test_a_header_that_promises_terabytes_takes_no_memory(tmp_path):
    path = tmp_path / "huge.wav"
    form = struct.pack("<HHIIHH", 1, 65535, 4_000_000_000, 4_000_000_000, 65535, 32)
    path.write_bytes(b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + form + b"data\xff\xff\xff\xff" + bytes(4000))
    refusal(path)


def run_confined(code):
    """Run code in a decoder that has given up what it does not need; return the exit code."""
    program = f"import sys; sys.path.insert(0, {str(Path(decoder.__file__).parent)!r})\nimport decoder\n{code}"
    return subprocess.run([sys.executable, "-I", "-c", program], check=False, timeout=60, capture_output=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        ("open('/etc/hostname')", "OSError"),
        ("socket.socket()", "OSError"),
        ("bytearray(3 << 30)", "MemoryError"),
        ("os.write(file, bytes(10))", "OSError"),
    ],
)
def test_a_decoder_can_do_nothing_else(attempt, error):
    code = (
        "import os, socket, tempfile\nkept = tempfile.TemporaryFile()\nfile = kept.fileno()\ndecoder._confine()\n"
        f"try:\n    {attempt}\nexcept {error}:\n    sys.exit(7)"
    )
    ended = run_confined(code)
    assert ended.returncode == 7, ended.stderr


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import time; time.sleep(60)", "did nothing"),
        ("import sys, time; sys.stdout.buffer.write(bytes(9)); sys.stdout.flush(); time.sleep(60)", "did nothing"),
        ("import os; os.abort()", "broke off"),
        ("import sys, os; sys.stdout.buffer.write(bytes(5000)); sys.stdout.flush(); os._exit(9)", "broke off with 9"),
        ("", "ended too soon"),
    ],
)
def test_a_decoder_that_hangs_or_dies_costs_its_file_only(monkeypatch, program, reason):
    monkeypatch.setattr(media, "_program", lambda: [sys.executable, "-I", "-S", "-c", program])
    assert reason in refusal(DEMO_CLIP, patience_s=1.0)
    monkeypatch.undo()
    assert len(sound_of(DEMO_CLIP))


def test_an_unread_decoder_is_ended(tmp_path):
    path = written(tmp_path / "long.wav", np.zeros(samples(600), np.int16))
    with MediaSound(path) as sound:
        assert len(sound.read()) == media.BLOCK
        process = sound._process
    assert process.poll() is not None
    sound.close()


def test_the_frozen_program_is_its_own_decoder():
    command = [sys.executable, "main.py", decoder.ARGUMENT, DEMO_CLIP.name]
    with DEMO_CLIP.open("rb") as file:
        ended = subprocess.run(
            command, stdin=file, capture_output=True, check=True, timeout=60, cwd=Path(__file__).parents[3]
        )
    sound = np.frombuffer(ended.stdout[decoder.LENGTH.size :], "<i2")
    np.testing.assert_array_equal(sound, sound_of(DEMO_CLIP))

import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audio.sources import ArraySource, AudioSource, FileSource, Pacer
from engine.errors import MediaUnreadable


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def drained(source):
    source.open()
    blocks = []
    while not source.exhausted:
        blocks += source.read(0)
    return np.concatenate([block.frames for block in blocks])


@given(st.integers(0, 500), st.integers(1, 3), st.floats(0.001, 1))
def test_an_array_comes_whole_and_in_order(length, channels, block_s):
    sound = np.arange(length * channels, dtype=np.float32).reshape(length, channels) / 2000
    source = ArraySource(sound, 100, block_s=block_s)
    source.open()
    got = [np.empty((0, channels), np.float32)]
    while not source.exhausted:
        got += [block.frames for block in source.read(0)]
    np.testing.assert_array_equal(np.concatenate(got), sound)


def test_both_sources_keep_the_protocol():
    assert isinstance(ArraySource(np.zeros(1, np.float32), 1), AudioSource)


def test_paced_blocks_come_when_they_would_have_been_heard():
    clock = Clock()
    source = ArraySource(np.zeros(1000, np.float32), 1000, pacer=Pacer(clock, clock.sleep))
    source.open()
    arrivals = []
    while not source.exhausted:
        arrivals += [round(clock.now, 6)] * len(source.read(0.03))
    assert arrivals == pytest.approx([0.1 * (k + 1) for k in range(10)], abs=0.031)


def test_who_comes_late_gets_all_that_is_due():
    clock = Clock()
    source = ArraySource(np.zeros(1000, np.float32), 1000, pacer=Pacer(clock, clock.sleep))
    source.open()
    source.read(0.1)
    clock.now = 0.55
    assert len(source.read(0.1)) == 4


def made(path, *options):
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:duration=1.25", *options, str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.wav", ["-ar", "44100", "-ac", "2"]),
        ("b.flac", ["-ar", "48000"]),
        ("c.mp3", []),
        ("d.opus", []),
        ("e.m4a", []),
        ("ö ß.ogg", ["-c:a", "libvorbis"]),
    ],
)
def test_a_file_gives_its_sound_in_blocks_of_100_ms(tmp_path, name, options):
    source = FileSource(made(tmp_path / name, *options))
    source.open()
    blocks = []
    while not source.exhausted:
        blocks += source.read(0)
    rate = blocks[0].sample_rate
    assert {len(block.frames) for block in blocks[:-1]} == {rate // 10}
    assert sum(len(block.frames) for block in blocks) / rate == pytest.approx(1.25, abs=0.1)  # codecs pad
    assert np.abs(np.concatenate([block.frames for block in blocks])).max() == pytest.approx(0.11, abs=0.03)


def test_a_broken_tail_costs_only_the_tail(tmp_path):
    whole = made(tmp_path / "whole.flac")
    cut = tmp_path / "cut.flac"
    cut.write_bytes(whole.read_bytes()[:-2000])
    assert len(drained(FileSource(cut))) > 22_050


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("nothing.wav", None, "there is no file"),
        ("text.wav", b"not a sound" * 99, "cannot be read"),
        ("empty.wav", b"", "cannot be read"),
        ("list.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n", "cannot be read"),
    ],
)
def test_what_is_no_sound_is_refused_in_a_sentence(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(MediaUnreadable, match=said) as caught:
        FileSource(tmp_path / name).open()
    assert caught.value.hint


def test_a_film_without_sound_is_refused(tmp_path):
    path = tmp_path / "silent.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=duration=0.2", str(path)], check=True)
    with pytest.raises(MediaUnreadable, match="no sound in it"):
        FileSource(path).open()

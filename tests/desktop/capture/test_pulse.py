"""Capturing from a real sound server of the test's own: every sample, and every fault that a person may meet."""

import contextlib
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from desktop.capture.devices import open_source
from engine.records import Interruption
from tests.listener import Listener, is_heard, is_told, sound, where
from tests.sound_server import until

pytestmark = [pytest.mark.long, pytest.mark.sound]

REPEAT = int(os.environ.get("UNDERTEXT_REPEAT", "2"))
TIME_ERROR_S = 0.15
# On a busy machine PipeWire, without real-time priority, may lose a quantum of what it plays. The same code hears
# PulseAudio, and has to be right at once.
PLAYS = {"pulseaudio": 1, "pipewire": 3}


@pytest.fixture
def listen(sound_server):
    """Return a function that opens a source by its name and returns its listener."""
    opened = []

    def start(spec):
        source = open_source(spec)
        opened.append(source)
        source.open()
        listener = Listener(source)
        listener.hear(is_heard, "the first sound")
        return listener

    yield start
    for source in opened:
        source.close()


def noise(duration_s, channels=2, rate=48_000):
    frames = np.random.default_rng(7).uniform(-0.4, 0.4, (round(duration_s * rate), 1))
    return np.repeat(frames, channels, axis=1).astype(np.float32)


def constant(duration_s=30):
    return np.full((duration_s * 48_000, 1), 0.5, np.float32)


def enough(frames):
    return lambda items: sum(len(i.frames) for i in items if hasattr(i, "frames")) >= frames


def captured_while_playing(server, listener, frames, rate, sink):
    """Play frames through and return what was heard, from a little before to a little after."""
    with server.playing(frames, rate, sink) as player:
        heard = listener.hear(lambda _: player.poll() is not None, "the end of the player")
    return heard + listener.hear(enough(rate // 4), "the last of it")


def is_heard_whole(server, listener, rate=48_000, channels=2, sink="spk2"):
    """Whether noise that is played is captured sample for sample, and nothing before it."""

    def is_whole():
        played = noise(0.6, channels, rate)
        frames = sound(captured_while_playing(server, listener, played, rate, sink))
        start = where(played[:, 0], frames[:, 0])
        heard = frames[start : start + len(played)]
        return heard.shape == played.shape and np.allclose(heard, played, atol=1e-4) and not frames[:start].any()

    return any(is_whole() for _ in range(PLAYS[server.kind]))


def now_threads_and_descriptors():
    return len(list(Path("/proc/self/task").iterdir())), len(list(Path("/proc/self/fd").iterdir()))


def test_every_sample_that_is_played_is_captured_once_and_in_order(sound_server, listen):
    for rate, channels in [(48_000, 2), (44_100, 1)]:
        if sound_server.kind == "pipewire" and rate != 48_000:
            continue  # PipeWire's graph has one rate: it resamples on the way
        sound_server.add_sink(f"out{rate}", rate=rate, channels=channels)
        listener = listen(f"system:out{rate}")
        assert is_heard_whole(sound_server, listener, rate, channels, f"out{rate}")
        assert listener.said(listener.items) == []


def test_any_rate_and_channel_count_is_captured_as_it_is(sound_server, listen):
    for rate, channels in [(8_000, 1), (32_000, 6), (192_000, 8)]:
        sound_server.add_sink(f"out{rate}", rate=rate, channels=channels)
        block = listen(f"system:out{rate}").hear(is_heard, "sound")[0]
        assert block.frames.shape[1] == channels
        assert block.sample_rate == rate


def test_the_microphone_is_heard_and_followed_when_the_default_changes(sound_server, listen):
    listener = listen("mic")
    with sound_server.playing(constant(), sink="micnull"):
        listener.hear(lambda items: is_heard(items) and sound(items).max() > 0.3, "speech")
        sound_server.load("module-remap-source", "source_name=other", "master=spk.monitor", "channels=2")
        sound_server.pactl("set-default-source", "other")
        told = listener.hear(is_told(healthy=True), "the change")
    assert listener.said(told)
    assert listener.hear(is_heard, "the other microphone")[-1].frames.shape[1] == 2


def test_where_only_monitors_are_left_the_microphone_is_gone(sound_server, listen):
    """A server without a microphone makes a monitor the default source."""
    listener = listen("mic")
    modules = sound_server.pactl("list", "short", "modules").splitlines()
    sound_server.pactl("unload-module", next(m.split("\t")[0] for m in modules if "source_name=vmic" in m))
    listener.hear(is_told(healthy=False), "the loss")
    assert not is_heard(listener.hear_for(0.5))


# The three hazards.


def test_capture_follows_the_default_output(sound_server, listen):
    for turn in range(REPEAT):
        sound_server.pactl("set-default-sink", "spk")
        listener = listen("system")
        lag_s = listener.lag_s()
        sound_server.pactl("set-default-sink", "spk2")
        listener.hear(is_told(healthy=True), f"change {turn}")
        assert listener.lag_s() == pytest.approx(lag_s, abs=TIME_ERROR_S)
        assert is_heard_whole(sound_server, listener)
        listener.source.close()


def test_a_capture_whose_output_disappears_never_hears_the_microphone(sound_server, listen):
    with sound_server.playing(constant(), sink="micnull"):
        for _ in range(REPEAT):
            listener = listen("system:spk")
            lag_s = listener.lag_s()
            sound_server.pactl("unload-module", sound_server.module_of("spk"))
            listener.hear(is_told(healthy=False), "the loss")
            listener.hear_for(0.5)
            sound_server.add_sink("spk")
            back = listener.hear(is_told(healthy=True), "the return")
            assert listener.lag_s() == pytest.approx(lag_s, abs=TIME_ERROR_S)
            assert any(isinstance(item, Interruption) for item in back)
            assert not sound(listener.items).any()
            listener.source.close()


def test_a_capture_that_someone_moves_to_the_microphone_never_hears_it(sound_server, listen):
    listener = listen("system:spk")
    with sound_server.playing(constant(), sink="micnull"):
        outputs = [line.split("\t") for line in sound_server.pactl("list", "short", "source-outputs").splitlines()]
        spk = source_index(sound_server, "spk.monitor")
        stream = next(number for number, source, *_ in outputs if source == spk)
        with contextlib.suppress(subprocess.CalledProcessError):  # refused, as it should be
            sound_server.pactl("move-source-output", stream, "vmic")
        listener.hear_for(0.5)
        listener.hear(is_heard, "sound")
    assert not sound(listener.items).any()


def test_the_monitor_of_the_default_output_itself_is_captured(sound_server, listen):
    listen("system")
    outputs = [line.split("\t")[1] for line in sound_server.pactl("list", "short", "source-outputs").splitlines()]
    assert source_index(sound_server, "spk.monitor") in outputs


def source_index(server, name):
    sources = [line.split("\t") for line in server.pactl("list", "short", "sources").splitlines()]
    return next(number for number, source, *_ in sources if source == name)


# Faults of the server.


def test_an_output_that_is_removed_is_replaced_by_the_next_default(sound_server, listen):
    listener = listen("system")
    for turn in range(REPEAT):
        lag_s = listener.lag_s()
        gone, stays = ("spk", "spk2") if turn % 2 == 0 else ("spk2", "spk")
        sound_server.pactl("unload-module", sound_server.module_of(gone))
        sound_server.pactl("set-default-sink", stays)
        listener.hear(is_told(healthy=True), f"removal {turn}")
        assert listener.lag_s() == pytest.approx(lag_s, abs=TIME_ERROR_S)
        sound_server.add_sink(gone)


def test_a_server_that_hangs_is_told_and_heard_again(sound_server, listen):
    listener = listen("system")
    lag_s = listener.lag_s()
    sound_server.freeze()
    listener.hear(is_told(healthy=False), "the stall")
    assert not is_heard(listener.hear_for(0.5))
    sound_server.thaw()
    listener.hear(is_told(healthy=True), "the end of the stall")
    listener.hear_for(0.6)
    assert listener.lag_s() == pytest.approx(lag_s, abs=TIME_ERROR_S)


def test_a_server_that_is_killed_and_started_again_is_found_again(sound_server, listen):
    before = now_threads_and_descriptors()
    listener = listen("system")
    open_now = now_threads_and_descriptors()
    for turn in range(REPEAT):
        lag_s = listener.lag_s()
        sound_server.kill()
        listener.hear(is_told(healthy=False), f"kill {turn}")
        sound_server.start()
        listener.hear(is_told(healthy=True), f"start {turn}")
        assert listener.lag_s() == pytest.approx(lag_s, abs=TIME_ERROR_S)
        until(lambda: now_threads_and_descriptors() == open_now, "threads and descriptors as before")
    listener.source.close()
    until(lambda: now_threads_and_descriptors() == before, "threads and descriptors as at the start")


def test_an_output_put_to_sleep_is_silence_and_no_stall(sound_server, listen):
    if sound_server.kind == "pipewire":
        pytest.skip("PipeWire wakes what is captured")
    listener = listen("system")
    lag_s = listener.lag_s()
    sound_server.pactl("suspend-sink", "spk", "1")
    asleep = listener.hear_for(1.4)
    sound_server.pactl("suspend-sink", "spk", "0")
    listener.hear_for(0.6)
    assert sum(len(item.frames) for item in asleep if hasattr(item, "frames")) > 48_000
    assert listener.said(listener.items) == []
    assert listener.lag_s() == pytest.approx(lag_s, abs=TIME_ERROR_S)

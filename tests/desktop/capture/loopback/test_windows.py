"""The logic of WASAPI loopback, on a fake of the part of PyAudioWPatch that it uses."""

import threading

import numpy as np
import pytest

from desktop.capture.live import LiveSource
from desktop.capture.loopback.windows import ONE_AT_A_TIME, WasapiHost, devices, outputs
from engine.errors import NoInputDevice
from engine.records import AudioBlock, Interruption, Notice

RATE = 1_000


class Outputs:
    """The machine's outputs; every list made of them is a snapshot."""

    def __init__(self):
        self.now = 50.0
        self.names = ["Speakers", "Headset"]
        self.default = "Speakers"
        self.rate, self.channels = RATE, 2
        self.streams = []
        self.lists = []
        self.refuses = False

    def snapshot(self):
        self.lists.append(Snapshot(self))
        return self.lists[-1]


class Snapshot:
    """A `pyaudiowpatch.PyAudio`."""

    def __init__(self, outputs):
        self._outputs, self._default = outputs, outputs.default
        kind = {"defaultSampleRate": float(outputs.rate), "maxInputChannels": outputs.channels}
        self._entries = [{"name": f"{name} [Loopback]", "index": 7 + i, **kind} for i, name in enumerate(outputs.names)]
        self.ended = False

    def get_default_wasapi_loopback(self):
        for entry in self._entries:
            if entry["name"] == f"{self._default} [Loopback]":
                return entry
        raise LookupError("no loopback")

    def get_loopback_device_info_generator(self):
        yield from self._entries

    def open(self, *, input_device_index, **asked):
        assert not self.ended
        if self._outputs.refuses:
            raise OSError("Device unavailable")
        self._outputs.streams.append(Stream(self._entries[input_device_index - 7]["name"], asked))
        return self._outputs.streams[-1]

    def terminate(self):
        self.ended = True


class Stream:
    """An open loopback stream.

    Attributes:
        gone: Its output was unplugged: nothing tells, and it cannot be closed.
    """

    def __init__(self, name, asked):
        self.name = name.removesuffix(" [Loopback]")
        self.asked = asked
        self.closed = False
        self.gone = False

    def close(self):
        self.closed = True
        if self.gone:
            raise OSError("Unanticipated host error")


@pytest.fixture
def machine():
    return Outputs()


@pytest.fixture
def source(machine):
    host = WasapiHost(api=machine.snapshot, clock=lambda: machine.now)
    source = LiveSource(host, "system sound", clock=lambda: machine.now)
    source.open()
    return source


def play(machine, source, duration_s):
    """Let the open stream deliver in real time, and return what the source makes of it."""
    items = []
    for _ in range(round(duration_s / 0.02)):
        machine.now += 0.02
        asked = machine.streams[-1].asked
        block = np.ones((asked["frames_per_buffer"], asked["channels"]), np.float32)
        asked["stream_callback"](block.tobytes(), len(block), {}, 0)
        items += source.attend(machine.now)
    return items


def rest(machine, source, duration_s):
    """Let nothing play."""
    items = []
    for _ in range(round(duration_s / 0.05)):
        machine.now += 0.05
        items += source.attend(machine.now)
    return items


def said(items):
    return [item.detail for item in items if isinstance(item, Notice)]


def length_s(items):
    return sum(len(item.frames) / item.sample_rate for item in items if isinstance(item, AudioBlock))


def test_pauses_are_filled_with_silence_of_the_right_length(machine, source):
    items = play(machine, source, 1.0) + rest(machine, source, 10.0) + play(machine, source, 1.0)
    assert not any(isinstance(item, (Notice, Interruption)) for item in items)
    frames = np.concatenate([item.frames for item in items if isinstance(item, AudioBlock)])
    assert len(frames) == pytest.approx(12 * RATE, abs=3)
    assert np.count_nonzero(frames[:, 0]) == 2 * RATE


def test_a_new_default_is_found_when_the_old_one_falls_silent(machine, source):
    play(machine, source, 1.0)
    machine.default = "Headset"
    rest(machine, source, 2.5)
    assert machine.streams[-1].name == "Headset"
    assert machine.streams[0].closed
    assert said(play(machine, source, 0.5)) == ["Now listening to Headset."]


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (48_000, 8), (192_000, 1)])
def test_an_output_is_opened_with_its_own_rate_and_channels(machine, rate, channels):
    machine.rate, machine.channels = rate, channels
    source = LiveSource(WasapiHost(api=machine.snapshot, clock=lambda: machine.now), "it", clock=lambda: machine.now)
    source.open()
    asked = machine.streams[-1].asked
    assert (asked["rate"], asked["channels"], asked["frames_per_buffer"]) == (rate, channels, round(rate / 50))
    (block, *_) = [item for item in play(machine, source, 0.1) if isinstance(item, AudioBlock)]
    assert (block.sample_rate, block.frames.shape[1]) == (rate, channels)


def test_an_output_that_is_set_to_another_rate_is_opened_with_that(machine, source):
    play(machine, source, 1.0)
    machine.rate, machine.channels = 2 * RATE, 6
    rest(machine, source, 2.5)  # Windows ends the stream without a word
    blocks = [item for item in play(machine, source, 0.5) if isinstance(item, AudioBlock)]
    assert {(block.sample_rate, block.frames.shape[1]) for block in blocks} == {(2 * RATE, 6)}


def test_media_time_keeps_to_the_clock_over_every_new_list(machine, source):
    items = play(machine, source, 1.0) + rest(machine, source, 60.0) + play(machine, source, 1.0)
    assert length_s(items) == pytest.approx(62, abs=0.05)
    assert said(items) == []
    assert len(machine.lists) > 20


def test_every_list_is_let_go_before_the_next_is_made(machine, source):
    rest(machine, source, 10.0)
    assert [one.ended for one in machine.lists] == [True] * (len(machine.lists) - 1) + [False]
    source.close()
    assert machine.lists[-1].ended


def test_lists_are_made_once_a_second_while_there_is_no_output(machine, source):
    machine.names = []
    rest(machine, source, 2.5)
    before = len(machine.lists)
    rest(machine, source, 10.0)
    assert len(machine.lists) - before == pytest.approx(10, abs=1)


def test_an_output_that_is_unplugged_is_told_and_found_again(machine, source):
    items = play(machine, source, 1.0)
    machine.streams[-1].gone = True
    machine.names = []
    items += rest(machine, source, 5.0)
    assert said(items) == ["Speakers is gone; waiting for it, or for another."]
    machine.names = ["Speakers"]
    items += rest(machine, source, 1.5) + play(machine, source, 0.5)
    assert said(items)[1:] == ["Sound comes from Speakers again."]
    assert length_s(items) == pytest.approx(8, abs=0.05)


def test_another_output_takes_over_from_one_that_is_unplugged(machine, source):
    play(machine, source, 1.0)
    machine.streams[-1].gone = True
    machine.names, machine.default = ["Headset"], "Headset"
    rest(machine, source, 2.5)
    assert said(play(machine, source, 0.5)) == ["Now listening to Headset."]


def test_a_certain_output_is_kept_whatever_the_default_is(machine):
    source = LiveSource(WasapiHost("Headset", api=machine.snapshot, clock=lambda: machine.now), "it")
    source.open()
    machine.default = "Headset"
    rest(machine, source, 2.5)
    machine.default = "Speakers"
    rest(machine, source, 2.5)
    assert {stream.name for stream in machine.streams} == {"Headset"}


def test_an_output_that_another_program_holds_alone_is_asked_for_again(machine, source):
    machine.refuses = True
    rest(machine, source, 5.0)
    assert all(stream.closed for stream in machine.streams)
    machine.refuses = False
    rest(machine, source, 2.0)
    assert not machine.streams[-1].closed


def test_of_two_outputs_of_one_name_the_default_is_one(machine):
    machine.names = ["Speakers", "Speakers"]
    assert [device.default for device, _ in outputs(machine.snapshot())] == [True, False]
    host = WasapiHost(api=machine.snapshot)
    host.open(host.target(0.0), threading.Event())
    assert host._index == 7


def test_the_window_lists_outputs_while_no_other_list_is_made(machine):
    seen = []

    def snapshot():
        looks = threading.Thread(target=lambda: seen.append(ONE_AT_A_TIME.acquire(blocking=False)))
        looks.start()
        looks.join()
        return machine.snapshot()

    assert [(device.name, device.default) for device in devices(snapshot)] == [("Speakers", True), ("Headset", False)]
    assert WasapiHost(api=snapshot).target(0.0).name == "Speakers"
    assert seen == [False, False]
    assert [one.ended for one in machine.lists] == [True, False]


def test_an_output_that_appears_later_is_found(machine, source):
    play(machine, source, 1.0)
    machine.names, machine.default = [], ""
    rest(machine, source, 5.0)
    machine.names, machine.default = ["Speakers"], "Speakers"
    rest(machine, source, 1.5)
    assert not machine.streams[-1].closed


def test_a_certain_output_is_taken_by_name(machine):
    host = WasapiHost("Headset", api=machine.snapshot)
    device = host.target(0.0)
    assert device is not None
    assert (device.id, device.default, device.channels) == ("Headset", False, 2)
    host.open(device, threading.Event()).close()
    assert machine.streams[-1].name == "Headset"


def test_no_output_is_no_device(machine):
    machine.names = []
    assert outputs(machine.snapshot()) == []
    host = WasapiHost(api=machine.snapshot)
    assert host.target(0.0) is None
    assert isinstance(host.trouble(), NoInputDevice)

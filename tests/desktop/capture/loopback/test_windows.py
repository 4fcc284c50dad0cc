"""The logic of WASAPI loopback, on a fake of the part of PyAudioWPatch that it uses."""

import threading

import numpy as np
import pytest

from desktop.capture.live import LiveSource
from desktop.capture.loopback.windows import WasapiHost, outputs
from engine.errors import NoInputDevice
from engine.records import AudioBlock, Interruption, Notice

RATE = 1_000


class Outputs:
    """The machine's outputs; every list made of them is a snapshot."""

    def __init__(self):
        self.now = 50.0
        self.names = ["Speakers", "Headset"]
        self.default = "Speakers"
        self.streams = []
        self.lists = 0

    def snapshot(self):
        self.lists += 1
        return Snapshot(self, list(self.names), self.default)


class Snapshot:
    """A `pyaudiowpatch.PyAudio`."""

    def __init__(self, outputs, names, default):
        self._outputs, self._default = outputs, default
        self._entries = [
            {"name": f"{name} [Loopback]", "index": 7 + i, "defaultSampleRate": float(RATE), "maxInputChannels": 2}
            for i, name in enumerate(names)
        ]

    def get_default_wasapi_loopback(self):
        for entry in self._entries:
            if entry["name"] == f"{self._default} [Loopback]":
                return entry
        raise LookupError("no loopback")

    def get_loopback_device_info_generator(self):
        yield from self._entries

    def open(self, *, input_device_index, stream_callback, **_):
        self._outputs.streams.append(Stream(self._entries[input_device_index - 7]["name"], stream_callback))
        return self._outputs.streams[-1]

    def terminate(self):
        pass


class Stream:
    """An open loopback stream."""

    def __init__(self, name, callback):
        self.name = name.removesuffix(" [Loopback]")
        self.callback = callback
        self.closed = False

    def close(self):
        self.closed = True


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
        machine.streams[-1].callback(np.ones((20, 2), np.float32).tobytes(), 20, {}, 0)
        items += source.attend(machine.now)
    return items


def rest(machine, source, duration_s):
    """Let nothing play."""
    items = []
    for _ in range(round(duration_s / 0.05)):
        machine.now += 0.05
        items += source.attend(machine.now)
    return items


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
    told = [item.detail for item in play(machine, source, 0.5) if isinstance(item, Notice)]
    assert told == ["Now listening to Headset."]


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

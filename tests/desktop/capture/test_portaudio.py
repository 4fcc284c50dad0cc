"""PortAudio, through ALSA's plugin for PulseAudio: the nearest thing to a microphone that a test can have."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from desktop.capture.hosts import Device, Kind, boot_clock
from desktop.capture.live import LiveSource
from desktop.capture.portaudio import PortAudioHost, PortAudioTap, inputs, sounddevice
from engine.errors import DeviceLost, NoInputDevice
from tests.listener import Listener, is_heard, sound


@pytest.mark.sound
@pytest.mark.parametrize("sound_server", ["pulseaudio"], indirect=True)
def test_a_microphone_is_heard(sound_server):
    sd = sounddevice()
    sd._terminate()  # what it listed before there was this server
    sd._initialize()
    if not any(device.id == "pulse" for device in inputs()):
        pytest.skip("ALSA has no plugin for PulseAudio (libasound2-plugins)")
    source = LiveSource(PortAudioHost("pulse"), "the microphone")
    source.open()
    listener = Listener(source)
    with sound_server.playing(np.full((48_000 * 20, 1), 0.5, np.float32), sink="micnull"):
        listener.hear(lambda items: is_heard(items) and sound(items).max() > 0.3, "speech")
    source.close()


class Stubborn:
    """PortAudio as it is over a sound server that was killed: closing waits for an answer that never comes."""

    def __init__(self):
        self.answered = threading.Event()
        self.default = SimpleNamespace(hostapi=0)

    def query_hostapis(self):
        return [{"name": "ALSA", "devices": [0], "default_input_device": 0}]

    def query_devices(self, _index):
        return {"name": "pulse", "index": 0, "max_input_channels": 1, "default_samplerate": 48_000}

    def InputStream(self, **_options):  # noqa: N802  # PortAudio's name
        return SimpleNamespace(start=lambda: None, close=lambda **_: self.answered.wait())


def test_a_stream_that_cannot_be_closed_is_told_and_holds_nobody_up():
    library = Stubborn()
    device = Device("pulse", "pulse", Kind.MICROPHONE, True, 48_000, 1)
    tap = PortAudioTap(library, device, threading.Event(), boot_clock)
    with pytest.raises(DeviceLost, match="does not let go of pulse") as told:
        tap.close()
    assert told.value.hint
    library.answered.set()


def test_an_input_that_is_not_there_is_refused_by_name():
    host = PortAudioHost("Golden Ear")
    assert host.target(0.0) is None
    trouble = host.trouble()
    assert isinstance(trouble, NoInputDevice)
    assert "Golden Ear" in trouble.sentence
    assert "undertext devices" in trouble.hint


def test_inputs_are_of_the_kind_asked_for():
    assert all(device.kind is Kind.SYSTEM for device in inputs(Kind.SYSTEM))

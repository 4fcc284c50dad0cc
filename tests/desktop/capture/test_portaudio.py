"""PortAudio, through ALSA's plugin for PulseAudio: the nearest thing to a microphone that a test can have."""

import numpy as np
import pytest

from desktop.capture.hosts import Kind
from desktop.capture.live import LiveSource
from desktop.capture.portaudio import PortAudioHost, inputs, sounddevice
from engine.errors import NoInputDevice
from tests.listener import Listener, is_heard, is_told, sound


@pytest.mark.sound
@pytest.mark.parametrize("sound_server", ["pulseaudio"], indirect=True)
def test_a_microphone_is_heard_lost_and_found_again(sound_server):
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
    sound_server.kill()
    listener.hear(is_told(healthy=False), "the loss")
    sound_server.start()
    listener.hear(is_told(healthy=True), "the return")
    source.close()


def test_an_input_that_is_not_there_is_refused_by_name():
    host = PortAudioHost("Golden Ear")
    assert host.target(0.0) is None
    trouble = host.trouble()
    assert isinstance(trouble, NoInputDevice)
    assert "Golden Ear" in trouble.sentence
    assert "undertext devices" in trouble.hint


def test_inputs_are_of_the_kind_asked_for():
    assert all(device.kind is Kind.SYSTEM for device in inputs(Kind.SYSTEM))

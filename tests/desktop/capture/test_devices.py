"""Devices are listed, and named as sources; what is missing is named with its mend."""

import argparse
import signal

import pytest

from desktop.capture.devices import Kind, list_devices, open_source
from desktop.terminal import devices as command
from engine.audio.sources import AudioSource
from engine.errors import NoInputDevice


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A machine on which no sound server answers."""
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nothing")


@pytest.mark.sound
def test_the_devices_of_a_server_are_listed_with_their_defaults(sound_server):
    found = {(device.kind, device.id): device for device in list_devices()}
    assert {name for kind, name in found if kind is Kind.SYSTEM} == {"spk", "spk2", "micnull"}
    assert {name for kind, name in found if kind is Kind.MICROPHONE} == {"vmic"}
    assert [device.id for device in found.values() if device.default] == ["vmic", "spk"]
    assert found[Kind.SYSTEM, "spk"].rate == 48_000
    assert found[Kind.SYSTEM, "spk"].channels == 2
    assert isinstance(open_source("system:spk"), AudioSource)


@pytest.mark.sound
def test_the_command_prints_a_table(sound_server, capsys):
    assert command.run(argparse.Namespace()) == 0
    printed = capsys.readouterr().out
    assert "system:spk" in printed
    assert "mic:vmic" in printed
    assert "48000 Hz, 2 ch" in printed


@pytest.mark.sound
def test_an_unknown_device_is_refused_by_name(sound_server):
    source = open_source("system:piano")
    with pytest.raises(NoInputDevice, match="piano") as e:
        source.open()
    assert "undertext devices" in e.value.hint


@pytest.mark.sound
@pytest.mark.parametrize("sound_server", ["pulseaudio"], indirect=True)
def test_a_server_that_hangs_does_not_hang_the_list(sound_server):
    sound_server.freeze()
    with pytest.raises(NoInputDevice):
        open_source("system").open()
    sound_server.kill(signal.SIGKILL)


def test_without_a_server_the_mend_is_named(nowhere):
    with pytest.raises(NoInputDevice, match="no sound server answers") as e:
        open_source("system").open()
    assert "PipeWire" in e.value.hint


def test_without_any_device_the_command_says_what_is_missing(nowhere, capsys):
    try:
        list_devices()
    except NoInputDevice as e:
        assert command.run(argparse.Namespace()) == 1
        assert e.hint in capsys.readouterr().out
    else:
        pytest.skip("this machine has an ALSA device")


@pytest.mark.parametrize("spec", ["", "radio", "mike:1"])
def test_a_name_that_means_nothing_is_refused_with_those_that_do(spec):
    with pytest.raises(NoInputDevice, match="no sound source") as e:
        open_source(spec)
    assert "system:ID" in e.value.hint

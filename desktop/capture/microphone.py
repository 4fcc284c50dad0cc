"""Microphones: through the sound server where one runs, else through PortAudio."""

import sys

from desktop.capture.hosts import Device, Host, Kind
from desktop.capture.portaudio import PortAudioHost, inputs
from desktop.capture.pulse import PulseHost
from desktop.capture.server import server_devices
from engine.errors import NoInputDevice


def host(device_id: str | None) -> Host:
    """Return the host of a microphone, or of whichever is the default.

    Raises:
        NoInputDevice: The machine has no sound system.
    """
    return PulseHost(Kind.MICROPHONE, device_id) if _server_runs() else PortAudioHost(device_id)


def devices() -> list[Device]:
    """Return the microphones.

    Raises:
        NoInputDevice: The machine has no sound system.
    """
    if _server_runs():
        return [device for device in server_devices() if device.kind is Kind.MICROPHONE]
    return inputs()


def _server_runs() -> bool:
    if sys.platform != "linux":
        return False
    try:
        server_devices()
    except NoInputDevice:
        return False
    return True

"""What the computer plays, on Linux: the monitor of a sink of PulseAudio or PipeWire.

Both deliver silence while nothing plays. Only a sink that was put to sleep (`pactl suspend-sink`) delivers nothing.
"""

from desktop.capture.hosts import Device, Host, Kind
from desktop.capture.pulse import PulseHost
from desktop.capture.server import server_devices


def host(device_id: str | None) -> Host:
    """Return the host of a sink's monitor, or of whichever sink is the default.

    Raises:
        NoInputDevice: libpulse is missing.
    """
    return PulseHost(Kind.SYSTEM, device_id)


def devices() -> list[Device]:
    """Return the outputs whose sound can be captured.

    Raises:
        NoInputDevice: There is no libpulse, or no server.
    """
    return [device for device in server_devices() if device.kind is Kind.SYSTEM]

"""What the computer plays, on macOS: through BlackHole, a free audio driver that hands output back as an input.

Written from documents; it has not been run on a Mac. macOS has no loopback of its own that needs no signed helper
(Core Audio process taps do), so the person installs BlackHole and plays into it, alone or as a part of a
multi-output device. It delivers silence while nothing plays.
"""

from desktop.capture.hosts import Device, Host, Kind
from desktop.capture.portaudio import PortAudioHost, inputs
from engine.errors import NoInputDevice

DRIVER = "BlackHole"


def host(device_id: str | None) -> Host:
    """Return the host of the driver's input.

    Raises:
        NoInputDevice: The driver is not installed.
    """
    found = devices()
    if not found:
        raise NoInputDevice(
            f"macOS offers no system sound without a driver such as {DRIVER}",
            hint="Install BlackHole 2ch, then choose it in a Multi-Output Device (Audio MIDI Setup) as the output.",
        )
    return PortAudioHost(device_id or found[0].id, kind=Kind.SYSTEM)


def devices() -> list[Device]:
    """Return the driver's inputs."""
    return [device for device in inputs(Kind.SYSTEM) if DRIVER in device.name]

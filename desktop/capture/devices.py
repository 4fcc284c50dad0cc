"""What can be heard on this machine, and the way to each of it by name.

mic        the default microphone         mic:ID        a certain one
system     what the default output plays  system:ID     a certain output
"""

import sys

from desktop.capture import microphone
from desktop.capture.hosts import Device, Kind
from desktop.capture.live import LiveSource
from engine.audio.sources import AudioSource
from engine.errors import CaptureError, NoInputDevice

if sys.platform == "win32":
    from desktop.capture.loopback import windows as loopback
elif sys.platform == "darwin":
    from desktop.capture.loopback import macos as loopback
else:
    from desktop.capture.loopback import linux as loopback

__all__ = ["Device", "Kind", "list_devices", "open_source"]


def list_devices() -> list[Device]:
    """Return the microphones, then the outputs whose sound can be captured.

    Raises:
        NoInputDevice: There is none at all; the hint says what is missing.
    """
    found: list[Device] = []
    trouble = NoInputDevice("there is no sound device", hint="Connect a microphone or a loudspeaker.")
    for place in (microphone, loopback):
        try:
            found += place.devices()
        except CaptureError as e:
            trouble = NoInputDevice(str(e), hint=e.hint)
    if not found:
        raise trouble
    return found


def open_source(spec: str) -> AudioSource:
    """Return the source that a name means; it starts with its `open`.

    Args:
        spec: As this module's docstring lists them.

    Raises:
        NoInputDevice: The name means nothing, or the machine lacks what it would need.
    """
    kind, _, device_id = spec.partition(":")
    if kind == "mic":
        return LiveSource(microphone.host(device_id or None), "the microphone")
    if kind == "system":
        return LiveSource(loopback.host(device_id or None), "the computer's sound")
    raise NoInputDevice(f"{spec!r} is no sound source", hint="Say mic, system, mic:ID or system:ID.")

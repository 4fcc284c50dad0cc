"""What a PulseAudio server (or PipeWire) has to offer, listed through pulsectl."""

from typing import Any

from desktop.capture import libpulse
from desktop.capture.hosts import Device, Kind
from engine.errors import NoInputDevice

ANSWER_S = 2.0


def server_devices() -> list[Device]:
    """Return the microphones, then the outputs whose sound can be captured.

    Raises:
        NoInputDevice: There is no libpulse, or no server.
    """
    libpulse.library()
    import pulsectl  # noqa: PLC0415 - it cannot be imported where libpulse is missing

    try:
        with pulsectl.Pulse("Undertext", connect=False) as server:
            server.connect(timeout=ANSWER_S)
            defaults = server.server_info()
            microphones = [s for s in server.source_list() if s.monitor_of_sink_name is None]
            sinks = server.sink_list()
    except pulsectl.PulseError as e:
        raise NoInputDevice(
            "no sound server answers",
            hint="Start PulseAudio, or PipeWire with pipewire-pulse; `pactl info` shows whether it runs.",
        ) from e
    return [_device(source, Kind.MICROPHONE, defaults.default_source_name) for source in microphones] + [
        _device(sink, Kind.SYSTEM, defaults.default_sink_name) for sink in sinks
    ]


def _device(entry: Any, kind: Kind, default: str) -> Device:
    spec = entry.sample_spec
    return Device(entry.name, entry.description, kind, entry.name == default, spec.rate, spec.channels)

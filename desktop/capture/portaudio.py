"""Capturing through PortAudio (sounddevice): microphones on Windows and macOS, and on Linux where no sound server runs.

PortAudio's list of devices is made once and stays as it was, and a device that goes away raises no flag: the
stream just falls silent. So the list is made anew whenever nothing is open, and a stream that delivers nothing is
soon closed.
"""

import os
import sys
import threading
from pathlib import Path
from typing import Any

from desktop.capture.hosts import RING_S, Clock, Device, Kind, TapState, boot_clock
from engine.audio.ring import Ring
from engine.errors import DeviceLost, NoInputDevice

MOST_CHANNELS = 8  # what offers more is ALSA's way to a sound server, which takes any number
REFRESH_S = 1.0  # between new lists while there is no device
CLOSE_S = 2.0  # how long PortAudio may take to end a stream
SOUND_CARDS = Path("/dev/snd")  # Linux


def sounddevice() -> Any:
    """Return the library.

    Raises:
        NoInputDevice: It finds no PortAudio.
    """
    try:
        import sounddevice as library  # noqa: PLC0415 - it looks for PortAudio when it is imported
    except OSError as e:
        raise NoInputDevice(
            "PortAudio cannot be loaded", hint="Install PortAudio (Debian, Ubuntu: apt install libportaudio2)."
        ) from e
    return library


class PortAudioHost:
    """PortAudio, asked for one input.

    Args:
        device_id: The device's name; None takes the default when it opens. PortAudio does not tell when the default
            changes: a new one is found when the old falls silent.
        kind: What the input hears.
        clock: Stamps what arrives.
    """

    def __init__(
        self, device_id: str | None = None, *, kind: Kind = Kind.MICROPHONE, clock: Clock = boot_clock
    ) -> None:
        self._sd = sounddevice()
        self._device_id = device_id
        self._kind = kind
        self._clock = clock
        self._tap: PortAudioTap | None = None
        self._device: Device | None = None
        self._refresh_at = 0.0

    def target(self, now: float) -> Device | None:
        """Return the device that is open, else what a new list has."""
        if self._tap is None or self._tap.closed:
            self._tap = None
            if now >= self._refresh_at:
                self._refresh_at = now + REFRESH_S
                self._device = self._find()
        return self._device

    def open(self, device: Device, wake: threading.Event) -> "PortAudioTap":
        """Start a stream."""
        try:
            self._tap = PortAudioTap(self._sd, device, wake, self._clock)
        except self._sd.PortAudioError as e:
            self._device = None
            raise DeviceLost(f"{device.name} cannot be opened: {e}") from e
        return self._tap

    def trouble(self) -> NoInputDevice:
        """Return why there is no target, with the mend."""
        if self._device_id is not None:
            mend = "`undertext devices` lists what there is."
            return NoInputDevice(f"there is no input called {self._device_id!r}", hint=mend)
        if sys.platform == "linux" and SOUND_CARDS.exists() and not _may_read(SOUND_CARDS):
            return NoInputDevice(
                f"{SOUND_CARDS} may not be read", hint="Add yourself to the group audio and log in again."
            )
        if sys.platform == "linux":
            mend = "Connect a microphone, or start PulseAudio or PipeWire."
        else:
            mend = "Connect a microphone, and allow this program to use it in the system's privacy settings."
        return NoInputDevice("there is no microphone", hint=mend)

    def close(self) -> None:
        """Nothing is held beyond the tap."""
        self._refresh_at, self._device = 0.0, None

    def _find(self) -> Device | None:
        self._sd._terminate()  # the only way to a new list
        self._sd._initialize()
        found = [d for d in inputs(self._kind) if (d.default if self._device_id is None else d.id == self._device_id)]
        return found[0] if found else None


class PortAudioTap:
    """One PortAudio stream.

    Args:
        sd: The library.
        device: What to capture.
        wake: Set when sound has come.
        clock: Stamps what arrives.
    """

    idle = False
    patience_s = 2.0

    def __init__(self, sd: Any, device: Device, wake: threading.Event, clock: Clock) -> None:
        self._wake, self._clock = wake, clock
        self.device = device
        self.ring = Ring(RING_S * device.rate, device.channels)
        self.arrival = (0, clock())
        self.state = TapState.RUNNING
        self.closed = False
        index = next((d["index"] for d in _entries(sd) if d["name"] == device.id), None)
        if index is None:
            raise DeviceLost(f"{device.name} is not there any more")
        self._stream = sd.InputStream(
            device=index,
            samplerate=device.rate,
            channels=device.channels,
            dtype="float32",
            latency="low",
            callback=self._note_sound,
            finished_callback=self._note_end,
        )
        self._stream.start()

    def close(self) -> None:
        """End the stream.

        Raises:
            DeviceLost: PortAudio does not let go of it, and nothing can be opened through it after that. So it is with
                ALSA's way to a sound server that was killed: its close waits for an answer.
        """
        if self.closed:
            return
        self.closed = True
        closing = threading.Thread(target=self._stream.close, kwargs={"ignore_errors": True}, daemon=True)
        closing.start()
        closing.join(CLOSE_S)
        if closing.is_alive():
            raise DeviceLost(f"PortAudio does not let go of {self.device.name}", hint="Start Undertext again.")

    def _note_sound(self, frames: Any, _count: int, _time: Any, _flags: Any) -> None:
        self.ring.write(frames)
        self.arrival = (self.ring.written, self._clock())
        self._wake.set()

    def _note_end(self) -> None:
        self.state = TapState.LOST
        self._wake.set()


def inputs(kind: Kind = Kind.MICROPHONE) -> list[Device]:
    """Return PortAudio's inputs as its present list has them.

    Raises:
        NoInputDevice: There is no PortAudio.
    """
    sd = sounddevice()
    default = _api(sd)["default_input_device"]
    return [
        Device(d["name"], d["name"], kind, d["index"] == default, int(d["default_samplerate"]), _channels(d))
        for d in _entries(sd)
    ]


def _channels(entry: dict[str, Any]) -> int:
    most: int = entry["max_input_channels"]
    return most if most <= MOST_CHANNELS else 2


def _entries(sd: Any) -> list[dict[str, Any]]:
    """Return PortAudio's inputs; Windows lists each once for every API it has ever had."""
    return [sd.query_devices(i) for i in _api(sd)["devices"] if sd.query_devices(i)["max_input_channels"] > 0]


def _api(sd: Any) -> dict[str, Any]:
    apis: list[dict[str, Any]] = list(sd.query_hostapis())
    return next((api for api in apis if "WASAPI" in api["name"]), apis[sd.default.hostapi])


def _may_read(folder: Path) -> bool:
    return all(os.access(path, os.R_OK) for path in folder.glob("pcm*c"))

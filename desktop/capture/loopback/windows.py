"""What the computer plays, on Windows: WASAPI loopback, through PyAudioWPatch.

Written from documents; it has not been run on Windows (its logic runs in tests, against a fake of the library).

While nothing plays, WASAPI delivers nothing: a tap here is always `idle`, so the pause is filled with silence and is no
stall. The library's list of devices is a snapshot and nothing tells of a new default. But sound that moves to another
output leaves this one silent, so a tap that has been silent for two seconds is closed and the default asked for anew.

Lists are asked for by the engine, which captures, and by the window, which shows them. PortAudio counts how often it
was begun, and that for one thread at a time: hence the lock.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from desktop.capture.hosts import RING_S, Clock, Device, Kind, TapState, boot_clock
from engine.audio.ring import Ring
from engine.errors import DeviceLost, NoInputDevice

BLOCK_S = 0.02
SUFFIX = " [Loopback]"
REFRESH_S = 1.0  # between new lists while there is no device
ONE_AT_A_TIME = threading.Lock()


def wasapi() -> Any:
    """Return a new PortAudio instance, with a new list of devices."""
    import pyaudiowpatch  # noqa: PLC0415 - it exists on Windows only

    return pyaudiowpatch.PyAudio()


class WasapiHost:
    """WASAPI loopback, asked for one output.

    Args:
        device_id: The output's name; None follows the default.
        api: Makes what `pyaudiowpatch.PyAudio()` makes.
        clock: Stamps what arrives.
    """

    def __init__(self, device_id: str | None = None, *, api: Any = wasapi, clock: Clock = boot_clock) -> None:
        self._new_api = api
        self._device_id = device_id
        self._clock = clock
        self._api: Any = None
        self._tap: WasapiTap | None = None
        self._device: Device | None = None
        self._index = -1
        self._refresh_at = 0.0

    def target(self, now: float) -> Device | None:
        """Return the device that is open, else what a new list has."""
        if self._tap is not None and self._tap.closed:
            self._tap, self._device, self._refresh_at = None, None, now
        if self._tap is None and self._device is None and now >= self._refresh_at:
            self._refresh_at = now + REFRESH_S
            self._find()
        return self._device

    def open(self, device: Device, wake: threading.Event) -> "WasapiTap":
        """Start a stream."""
        try:
            self._tap = WasapiTap(self._api, self._index, device, wake, self._clock)
        except OSError as e:
            self._device = None
            raise DeviceLost(f"{device.name} cannot be opened: {e}") from e
        return self._tap

    def trouble(self) -> NoInputDevice:
        """Return why there is no target, with the mend."""
        if self._device_id is None:
            mend = "Connect a loudspeaker or headphones."
            return NoInputDevice("Windows has no sound output", hint=mend)
        mend = "`undertext devices` lists what there is."
        return NoInputDevice(f"there is no sound output called {self._device_id!r}", hint=mend)

    def close(self) -> None:
        """Let go of the library."""
        with ONE_AT_A_TIME:
            self._let_go()
        self._refresh_at = 0.0

    def _find(self) -> None:
        with ONE_AT_A_TIME:
            self._let_go()
            self._api = self._new_api()
            found = outputs(self._api)
        self._device, self._index = next(filter(self._is_meant, found), (None, -1))

    def _is_meant(self, found: tuple[Device, int]) -> bool:
        device, _ = found
        return device.default if self._device_id is None else device.id == self._device_id

    def _let_go(self) -> None:
        if self._api is not None:
            self._api.terminate()
        self._api, self._device, self._tap = None, None, None


class WasapiTap:
    """One loopback stream.

    Args:
        api: The library.
        index: Its number for the device.
        device: What to capture.
        wake: Set when sound has come.
        clock: Stamps what arrives.
    """

    idle = True
    patience_s = 2.0

    def __init__(self, api: Any, index: int, device: Device, wake: threading.Event, clock: Clock) -> None:
        self._wake, self._clock = wake, clock
        self.device = device
        self.ring = Ring(RING_S * device.rate, device.channels)
        self.arrival = (0, clock())
        self.state = TapState.RUNNING
        self.closed = False
        self._stream = api.open(
            rate=device.rate,
            channels=device.channels,
            format=1,  # paFloat32
            input=True,
            input_device_index=index,
            frames_per_buffer=round(BLOCK_S * device.rate),
            stream_callback=self._note_sound,
        )

    def close(self) -> None:
        """End the stream; that of an output that is gone may refuse to be ended."""
        if not self.closed:
            self.closed = True
            with suppress(OSError):
                self._stream.close()

    def _note_sound(self, sound: bytes, _count: int, _time: Any, _flags: int) -> tuple[None, int]:
        self.ring.write(np.frombuffer(sound, np.float32))
        self.arrival = (self.ring.written, self._clock())
        self._wake.set()
        return None, 0  # paContinue


def host(device_id: str | None) -> WasapiHost:
    """Return the host of an output, or of whichever is the default."""
    return WasapiHost(device_id)


def devices(api: Any = wasapi) -> list[Device]:
    """Return the outputs whose sound can be captured.

    Args:
        api: As `WasapiHost` takes it.
    """
    with ONE_AT_A_TIME, _ended(api()) as library:
        return [device for device, _ in outputs(library)]


@contextmanager
def _ended(library: Any) -> Iterator[Any]:
    try:
        yield library
    finally:
        library.terminate()


def outputs(api: Any) -> list[tuple[Device, int]]:
    """Return the outputs that can be captured, each with the library's number for it."""
    try:
        default = api.get_default_wasapi_loopback()["index"]
        found = list(api.get_loopback_device_info_generator())
    except (OSError, LookupError):
        return []  # no WASAPI, or no output
    return [(_device(entry, default), entry["index"]) for entry in found]


def _device(entry: dict[str, Any], default: int) -> Device:
    name = entry["name"].removesuffix(SUFFIX)
    rate, channels = int(entry["defaultSampleRate"]), entry["maxInputChannels"]
    return Device(name, name, Kind.SYSTEM, entry["index"] == default, rate, channels)

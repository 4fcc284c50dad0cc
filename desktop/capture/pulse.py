"""Capturing from a PulseAudio server, or from PipeWire, which speaks the same protocol.

    PulseHost ── connects, learns the default device, follows the server's events ── opens ──▶ PulseTap

libpulse runs a thread of its own. Every callback runs there and only notes what it hears; what follows from it
is decided by whoever calls `target`, which never waits for the server.

System sound is the monitor of a sink, asked for by its own name (`@DEFAULT_MONITOR@` opens the microphone on
PipeWire) and with `DONT_MOVE`: a stream whose sink disappears ends, where the server would otherwise move it to
the microphone without a word.
"""

import ctypes
import math
import threading
from ctypes import c_size_t, c_void_p
from typing import Any

import numpy as np

from desktop.capture import libpulse as pa
from desktop.capture.hosts import RING_S, Clock, Device, Kind, TapState, boot_clock
from desktop.capture.server import PulseServer, device_of, no_server
from engine.audio.ring import Ring
from engine.errors import DeviceLost, FormatRefused, NoInputDevice

FRAGMENT_S = 0.025  # what the server sends at once
RETRY_S = 0.25  # between attempts to reach a server
MONITOR = ".monitor"


class PulseHost:
    """A sound server, for the sake of one source of it.

    Args:
        kind: Whether to capture a sink's monitor or a source.
        device_id: The sink's or the source's name; None follows the default.
        clock: Stamps what arrives.
    """

    def __init__(self, kind: Kind, device_id: str | None = None, *, clock: Clock = boot_clock) -> None:
        self.server = PulseServer(self.suspect)
        self._kind = kind
        self._device_id = device_id
        self._clock = clock
        self._retry_at = 0.0
        self._on_server = pa.OnServerInfo(self._note_server)  # kept: libpulse holds only their addresses
        self._on_device = pa.OnDeviceInfo(self._note_device)
        self._forget()

    def target(self, now: float) -> Device | None:
        """Return the device to be captured now; None while there is none or the server has not answered."""
        with self.server.locked():
            self._attend(now)
            return None if self._is_unsure else self._device

    def open(self, device: Device, wake: threading.Event) -> "PulseTap":
        """Ask the server for a record stream of a device."""
        with self.server.locked():
            if self.server.context is None:
                raise DeviceLost("the connection to the sound server is gone")
            return PulseTap(self, device, self._channel_map, wake, clock=self._clock)

    def trouble(self) -> NoInputDevice | None:
        """Return why there is no target, with the mend; None while the server is being asked."""
        if self._refused:
            return no_server()
        if not self._ready or self._is_unsure or self._device is not None:
            return None
        what = "microphone" if self._kind is Kind.MICROPHONE else "sound output"
        if self._device_id is None:
            mend = f"Connect a {what} and make it the default."
            return NoInputDevice(f"the sound server has no {what}", hint=mend)
        mend = "`undertext devices` lists what there is."
        return NoInputDevice(f"there is no {what} called {self._device_id!r}", hint=mend)

    def close(self) -> None:
        """Leave the server."""
        self.server.close()
        self._forget()

    def suspect(self) -> None:
        """Ask the server again before the next target is told. Thread: any."""
        self._stale = True

    @property
    def _is_unsure(self) -> bool:
        return self._stale or self._asking or bool(self._wanted)

    def _forget(self) -> None:
        self._ready = False
        self._refused = False  # the last attempt to connect has failed
        self._stale = True  # what is known may be wrong
        self._asking = False  # an answer is on its way
        self._wanted = ""  # the device to be asked for next
        self._device: Device | None = None
        self._channel_map = pa.ChannelMap()

    def _attend(self, now: float) -> None:
        """Take the next step towards knowing the target."""
        state = self.server.state
        if state in {pa.CONTEXT_FAILED, pa.CONTEXT_TERMINATED}:
            self._forget()
            self._refused = self.server.context is not None
            if now >= self._retry_at:
                self._retry_at = now + RETRY_S
                self.server.connect()
        elif state == pa.CONTEXT_READY:
            if not self._ready:
                self._ready = True
                events = pa.SUBSCRIBE_SERVER | pa.SUBSCRIBE_SOURCE | pa.SUBSCRIBE_SINK
                self.server.ask("subscribe", events, None)
            if not self._asking:
                self._ask()

    def _ask(self) -> None:
        """Ask first which device is the default, then what it is like."""
        if self._stale:
            self._stale, self._asking = False, True
            self.server.ask("get_server_info", self._on_server)
        elif self._wanted:
            self._asking, self._device = True, None
            what = "source" if self._kind is Kind.MICROPHONE else "sink"
            self.server.ask(f"get_{what}_info_by_name", self._wanted.encode(), self._on_device)

    # What follows runs in libpulse's thread, which holds the lock.

    def _note_server(self, _context: int, info: Any, _data: object) -> None:
        self._asking, self._device = False, None
        if not info:
            self._stale = True
        elif self._device_id:
            self._wanted = self._device_id
        elif self._kind is Kind.SYSTEM:
            self._wanted = pa.text(info.contents.default_sink_name)
        else:
            source = pa.text(info.contents.default_source_name)
            self._wanted = "" if source.endswith(MONITOR) else source  # a monitor stands in where there is none

    def _note_device(self, _context: int, info: Any, end: int, _data: object) -> None:
        if info:
            self._device = device_of(info.contents, self._kind, self._wanted if self._device_id is None else "")
            self._channel_map = pa.ChannelMap.from_buffer_copy(info.contents.channel_map)
        if end:
            self._asking, self._wanted = False, ""


class PulseTap:
    """One record stream.

    Args:
        host: Owns the connection, which is locked now.
        device: What to capture.
        channel_map: Its own, so that nothing is mixed on the way.
        wake: Set when sound has come.
        clock: Stamps what arrives.
    """

    def __init__(
        self, host: PulseHost, device: Device, channel_map: pa.ChannelMap, wake: threading.Event, *, clock: Clock
    ) -> None:
        self._host, self._lib, self._wake, self._clock = host, host.server.lib, wake, clock
        self.device = device
        self.ring = Ring(RING_S * device.rate, device.channels)
        self.arrival = (0, clock())
        self.state = TapState.OPENING
        self._source = device.id if device.kind is Kind.MICROPHONE else device.id + MONITOR
        self._suspended = False
        self._listeners: dict[str, Any] = {  # kept: libpulse holds only their addresses
            "state": pa.Notify(self._note_state),
            "moved": pa.Notify(self._note_move),
            "suspended": pa.Notify(self._note_suspend),
            "read": pa.OnSound(self._note_sound),
        }
        self._stream: int | None = self._connect(channel_map)

    @property
    def idle(self) -> bool:
        """Whether the server has put the device to sleep and sends nothing."""
        return self._suspended

    @property
    def patience_s(self) -> float:
        """A server that was only slow hands over what it kept, and one that woke a device says so."""
        return math.inf if self._suspended else 5.0

    def close(self) -> None:
        """End the stream."""
        if self._stream is None:
            return
        with self._host.server.locked():
            for event, listener in self._listeners.items():
                self._listen(self._stream, event, type(listener)())
            self._lib.pa_stream_disconnect(self._stream)
            self._lib.pa_stream_unref(self._stream)
        self._stream = None
        self._listeners.clear()  # a cycle through C would keep the ring's megabytes
        self.state = TapState.LOST

    def _connect(self, channel_map: pa.ChannelMap) -> int:
        lib, device = self._lib, self.device
        spec = pa.SampleSpec(pa.FLOAT32, device.rate, device.channels)
        stream: int | None = lib.pa_stream_new(
            self._host.server.context, b"captions", ctypes.byref(spec), ctypes.byref(channel_map)
        )
        if stream is None:
            raise FormatRefused(f"{device.name} has {device.channels} channels at {device.rate} Hz, which is refused")
        for event, listener in self._listeners.items():
            self._listen(stream, event, listener)
        fragment = round(FRAGMENT_S * device.rate) * device.channels * np.dtype(np.float32).itemsize
        sizes = pa.BufferAttr(*[pa.DEFAULT] * 4, fragment)
        flags = pa.STREAM_DONT_MOVE | pa.STREAM_ADJUST_LATENCY
        lib.pa_stream_connect_record(stream, self._source.encode(), ctypes.byref(sizes), flags)
        return stream

    def _listen(self, stream: int, event: str, listener: Any) -> None:
        getattr(self._lib, f"pa_stream_set_{event}_callback")(stream, listener, None)

    # What follows runs in libpulse's thread, which holds the lock.

    def _note_state(self, stream: int, _data: object) -> None:
        state = self._lib.pa_stream_get_state(stream)
        if state == pa.STREAM_READY and self._is_at_home(stream):
            self._suspended = self._lib.pa_stream_is_suspended(stream) == 1
            self.state = TapState.RUNNING
        elif state in {pa.STREAM_READY, pa.STREAM_FAILED, pa.STREAM_TERMINATED}:
            self._lose()

    def _note_move(self, stream: int, _data: object) -> None:
        if not self._is_at_home(stream):
            self._lose()

    def _note_suspend(self, stream: int, _data: object) -> None:
        self._suspended = self._lib.pa_stream_is_suspended(stream) == 1

    def _note_sound(self, stream: int, _readable: int, _data: object) -> None:
        lib, data, size = self._lib, c_void_p(), c_size_t()
        while lib.pa_stream_peek(stream, ctypes.byref(data), ctypes.byref(size)) == 0 and size.value:
            if self.state is TapState.RUNNING:
                sound = ctypes.string_at(data, size.value) if data else bytes(size.value)  # a hole is silence
                self.ring.write(np.frombuffer(sound, np.float32))
            lib.pa_stream_drop(stream)
        if self.state is TapState.RUNNING:
            self.arrival = (self.ring.written, self._clock())
            self._wake.set()

    def _is_at_home(self, stream: int) -> bool:
        return pa.text(self._lib.pa_stream_get_device_name(stream)) == self._source

    def _lose(self) -> None:
        self.state = TapState.LOST
        self._host.suspect()
        self._wake.set()

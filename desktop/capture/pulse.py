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
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_size_t, c_void_p
from typing import Any

import numpy as np

from desktop.capture import libpulse as pa
from desktop.capture.hosts import RING_S, Clock, Device, Kind, TapState, boot_clock
from engine.audio.ring import Ring
from engine.errors import DeviceLost, FormatRefused, NoInputDevice

FRAGMENT_S = 0.025  # what the server sends at once
RETRY_S = 0.25  # between attempts to reach a server
MONITOR = ".monitor"


class PulseHost:
    """A connection to the sound server, for the sake of one source.

    Args:
        kind: Whether to capture a sink's monitor or a source.
        device_id: The sink's or the source's name; None follows the default.
        clock: Stamps what arrives.
    """

    def __init__(self, kind: Kind, device_id: str | None = None, *, clock: Clock = boot_clock) -> None:
        self._lib = pa.library()
        self._kind = kind
        self._device_id = device_id
        self._clock = clock
        self._loop: int | None = None
        self._context: int | None = None
        self._retry_at = 0.0
        self._on_change = pa.OnChange(self._note_change)  # kept: libpulse holds only their addresses
        self._on_server = pa.OnServerInfo(self._note_server)
        self._on_source = pa.OnSourceInfo(self._note_source)
        self._forget()

    def target(self, now: float) -> Device | None:
        """Return the device to be captured now; None while there is none or the server has not answered."""
        if self._loop is None:
            self._loop = self._lib.pa_threaded_mainloop_new()
            self._lib.pa_threaded_mainloop_start(self._loop)
        with self.locked():
            self._attend(now)
            unsure = self._stale or self._asking or self._source_name is not None
            return None if unsure else self._device

    def open(self, device: Device, wake: threading.Event) -> "PulseTap":
        """Ask the server for a record stream of a device."""
        with self.locked():
            if self._context is None:
                raise DeviceLost("the connection to the sound server is gone")
            return PulseTap(self, self._context, device, self._channel_map, wake, self._clock)

    def trouble(self) -> NoInputDevice:
        """Return why there is no target, with the mend."""
        if not self._ready:
            return NoInputDevice(
                "no sound server answers",
                hint="Start PulseAudio, or PipeWire with pipewire-pulse; `pactl info` shows whether it runs.",
            )
        what = "microphone" if self._kind is Kind.MICROPHONE else "sound output"
        if self._device_id is None:
            mend = f"Connect a {what} and make it the default."
            return NoInputDevice(f"the sound server has no {what}", hint=mend)
        mend = "`undertext devices` lists what there is."
        return NoInputDevice(f"there is no {what} called {self._device_id!r}", hint=mend)

    def close(self) -> None:
        """Leave the server and end libpulse's thread."""
        if self._loop is None:
            return
        with self.locked():
            self._disconnect()
        self._lib.pa_threaded_mainloop_stop(self._loop)
        self._lib.pa_threaded_mainloop_free(self._loop)
        self._loop = None

    def suspect(self) -> None:
        """Ask the server again before the next target is told. Thread: any."""
        self._stale = True

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold libpulse's thread still, as calls into it need."""
        self._lib.pa_threaded_mainloop_lock(self._loop)
        try:
            yield
        finally:
            self._lib.pa_threaded_mainloop_unlock(self._loop)

    def _forget(self) -> None:
        self._ready = False
        self._stale = True  # what is known may be wrong
        self._asking = False  # an answer is on its way
        self._source_name: str | None = None  # to be asked for next
        self._device: Device | None = None
        self._channel_map = pa.ChannelMap()

    def _attend(self, now: float) -> None:
        """Take the next step towards knowing the target."""
        state = self._lib.pa_context_get_state(self._context) if self._context else pa.CONTEXT_FAILED
        if state in (pa.CONTEXT_FAILED, pa.CONTEXT_TERMINATED):
            self._disconnect()
            if now >= self._retry_at:
                self._retry_at = now + RETRY_S
                self._connect()
        elif state == pa.CONTEXT_READY:
            if not self._ready:
                self._ready = True
                events = pa.SUBSCRIBE_SERVER | pa.SUBSCRIBE_SOURCE | pa.SUBSCRIBE_SINK
                self._unref(self._lib.pa_context_subscribe(self._context, events, None, None))
            if not self._asking:
                self._ask()

    def _ask(self) -> None:
        """Ask first which source is wanted, then what it is like."""
        lib = self._lib
        if self._stale:
            self._stale, self._asking = False, True
            self._unref(lib.pa_context_get_server_info(self._context, self._on_server, None))
        elif self._source_name is not None:
            name, self._asking, self._device = self._source_name.encode(), True, None
            self._unref(lib.pa_context_get_source_info_by_name(self._context, name, self._on_source, None))

    def _connect(self) -> None:
        lib = self._lib
        self._context = lib.pa_context_new(lib.pa_threaded_mainloop_get_api(self._loop), b"Undertext")
        lib.pa_context_set_subscribe_callback(self._context, self._on_change, None)
        lib.pa_context_connect(self._context, None, pa.CONTEXT_NOAUTOSPAWN, None)

    def _disconnect(self) -> None:
        if self._context is not None:
            self._lib.pa_context_set_subscribe_callback(self._context, pa.OnChange(), None)
            self._lib.pa_context_disconnect(self._context)
            self._lib.pa_context_unref(self._context)
            self._context = None
        self._forget()

    def _unref(self, operation: int | None) -> None:
        if operation:  # None: the connection has just failed, which its state will tell
            self._lib.pa_operation_unref(operation)

    # What follows runs in libpulse's thread, which holds the lock.

    def _note_change(self, *_: object) -> None:
        self._stale = True

    def _note_server(self, _context: int, info: Any, _data: object) -> None:
        self._asking = False
        if not info:
            self._stale = True
        elif self._kind is Kind.MICROPHONE:
            self._source_name = self._device_id or _microphone(_text(info.contents.default_source_name))
        else:
            sink = self._device_id or _text(info.contents.default_sink_name)
            self._source_name = sink and sink + MONITOR
        if self._source_name is None:
            self._device = None

    def _note_source(self, _context: int, info: Any, end: int, _data: object) -> None:
        if info:
            found = info.contents
            source, spec = _text(found.name) or "", found.sample_spec
            self._channel_map = pa.ChannelMap.from_buffer_copy(found.channel_map)
            self._device = Device(
                id=source if self._kind is Kind.MICROPHONE else source.removesuffix(MONITOR),
                name=_text(found.description) or source,
                kind=self._kind,
                default=self._device_id is None,
                rate=spec.rate,
                channels=spec.channels,
            )
        if end:
            self._asking, self._source_name = False, None


class PulseTap:
    """One record stream.

    Args:
        host: Owns the connection.
        context: The connection.
        device: What to capture.
        channel_map: Its own, so that nothing is mixed on the way.
        wake: Set when sound has come.
        clock: Stamps what arrives.
    """

    def __init__(
        self,
        host: PulseHost,
        context: int,
        device: Device,
        channel_map: pa.ChannelMap,
        wake: threading.Event,
        clock: Clock,
    ) -> None:
        self._host, self._lib, self._wake, self._clock = host, pa.library(), wake, clock
        self.device = device
        self.ring = Ring(RING_S * device.rate, device.channels)
        self.arrival = (0, clock())
        self.state = TapState.OPENING
        self._source = device.id if device.kind is Kind.MICROPHONE else device.id + MONITOR
        self._suspended = False
        self._on_state = pa.Notify(self._note_state)
        self._on_move = pa.Notify(self._note_move)
        self._on_suspend = pa.Notify(self._note_suspend)
        self._on_sound = pa.OnSound(self._note_sound)
        self._stream: int | None = self._connect(context, channel_map)

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
        with self._host.locked():
            self._lib.pa_stream_set_state_callback(self._stream, pa.Notify(), None)
            self._lib.pa_stream_set_moved_callback(self._stream, pa.Notify(), None)
            self._lib.pa_stream_set_suspended_callback(self._stream, pa.Notify(), None)
            self._lib.pa_stream_set_read_callback(self._stream, pa.OnSound(), None)
            self._lib.pa_stream_disconnect(self._stream)
            self._lib.pa_stream_unref(self._stream)
        self._stream = None
        self.state = TapState.LOST

    def _connect(self, context: int, channel_map: pa.ChannelMap) -> int:
        lib, device = self._lib, self.device
        spec = pa.SampleSpec(pa.FLOAT32, device.rate, device.channels)
        stream: int | None = lib.pa_stream_new(context, b"captions", ctypes.byref(spec), ctypes.byref(channel_map))
        if stream is None:
            raise FormatRefused(f"{device.name} has {device.channels} channels at {device.rate} Hz, which is refused")
        lib.pa_stream_set_state_callback(stream, self._on_state, None)
        lib.pa_stream_set_moved_callback(stream, self._on_move, None)
        lib.pa_stream_set_suspended_callback(stream, self._on_suspend, None)
        lib.pa_stream_set_read_callback(stream, self._on_sound, None)
        fragment = round(FRAGMENT_S * device.rate) * device.channels * np.dtype(np.float32).itemsize
        sizes = pa.BufferAttr(*[pa.DEFAULT] * 4, fragment)
        flags = pa.STREAM_DONT_MOVE | pa.STREAM_ADJUST_LATENCY
        lib.pa_stream_connect_record(stream, self._source.encode(), ctypes.byref(sizes), flags)
        return stream

    # What follows runs in libpulse's thread, which holds the lock.

    def _note_state(self, stream: int, _data: object) -> None:
        state = self._lib.pa_stream_get_state(stream)
        if state == pa.STREAM_READY and self._is_at_home(stream):
            self._suspended = self._lib.pa_stream_is_suspended(stream) == 1
            self.state = TapState.RUNNING
        elif state in (pa.STREAM_READY, pa.STREAM_FAILED, pa.STREAM_TERMINATED):
            self._lose()

    def _note_move(self, stream: int, _data: object) -> None:
        if not self._is_at_home(stream):
            self._lose()

    def _note_suspend(self, stream: int, _data: object) -> None:
        self._suspended = self._lib.pa_stream_is_suspended(stream) == 1

    def _note_sound(self, stream: int, _readable: int, _data: object) -> None:
        lib, data, size = self._lib, c_void_p(), c_size_t()
        while lib.pa_stream_readable_size(stream):
            lib.pa_stream_peek(stream, ctypes.byref(data), ctypes.byref(size))
            if self.state is TapState.RUNNING:
                sound = ctypes.string_at(data, size.value) if data else bytes(size.value)  # a hole is silence
                self.ring.write(np.frombuffer(sound, np.float32))
            lib.pa_stream_drop(stream)
        if self.state is TapState.RUNNING:
            self.arrival = (self.ring.written, self._clock())
            self._wake.set()

    def _is_at_home(self, stream: int) -> bool:
        return _text(self._lib.pa_stream_get_device_name(stream)) == self._source

    def _lose(self) -> None:
        self.state = TapState.LOST
        self._host.suspect()
        self._wake.set()


def _microphone(source: str | None) -> str | None:
    """Return a source's name unless it is a monitor: where there is no microphone, one becomes the default."""
    return source if source and not source.endswith(MONITOR) else None


def _text(name: bytes | None) -> str | None:
    """Return a C string as text; None where there is none."""
    return name.decode(errors="replace") if name else None

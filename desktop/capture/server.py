"""One connection to a PulseAudio server (or PipeWire), and what it has to offer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from desktop.capture import libpulse as pa
from desktop.capture.hosts import Device, Kind
from engine.errors import NoInputDevice

ANSWER_S = 2.0  # a server that hangs must not hang us


class PulseServer:
    """The connection, and libpulse's thread, which runs from the first `connect` to `close`.

    Args:
        changed: Called in libpulse's thread when the connection's state, a device or a default changes.
    """

    def __init__(self, changed: Any) -> None:
        self.lib = pa.library()
        self._on_state = pa.Notify(lambda *_: changed())  # kept: libpulse holds only their addresses
        self._on_change = pa.OnChange(lambda *_: changed())
        self._loop: int | None = None
        self.context: int | None = None

    @property
    def state(self) -> int:
        """One of libpulse's context states; hold `locked`."""
        return int(self.lib.pa_context_get_state(self.context)) if self.context else pa.CONTEXT_FAILED

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold libpulse's thread still, as every call into it needs."""
        if self._loop is None:
            self._loop = self.lib.pa_threaded_mainloop_new()
            self.lib.pa_threaded_mainloop_start(self._loop)
        self.lib.pa_threaded_mainloop_lock(self._loop)
        try:
            yield
        finally:
            self.lib.pa_threaded_mainloop_unlock(self._loop)

    def connect(self) -> None:
        """Begin to connect; `state` tells how it goes. Hold `locked`."""
        self.disconnect()
        api = self.lib.pa_threaded_mainloop_get_api(self._loop)
        self.context = self.lib.pa_context_new(api, b"Undertext")
        self.lib.pa_context_set_state_callback(self.context, self._on_state, None)
        self.lib.pa_context_set_subscribe_callback(self.context, self._on_change, None)
        self.lib.pa_context_connect(self.context, None, pa.CONTEXT_NOAUTOSPAWN, None)

    def disconnect(self) -> None:
        """End the connection, if there is one. Hold `locked`."""
        if self.context is not None:
            self.lib.pa_context_set_state_callback(self.context, pa.Notify(), None)
            self.lib.pa_context_set_subscribe_callback(self.context, pa.OnChange(), None)
            self.lib.pa_context_disconnect(self.context)
            self.lib.pa_context_unref(self.context)
            self.context = None

    def ask(self, call: str, *arguments: Any) -> None:
        """Send a request; its answer goes to the callback among its arguments. Hold `locked`."""
        operation = getattr(self.lib, f"pa_context_{call}")(self.context, *arguments, None)
        if operation:  # none: the connection has just failed, which its state will tell
            self.lib.pa_operation_unref(operation)

    def close(self) -> None:
        """Disconnect and end libpulse's thread; closing twice is harmless."""
        if self._loop is None:
            return
        with self.locked():
            self.disconnect()
        self.lib.pa_threaded_mainloop_stop(self._loop)
        self.lib.pa_threaded_mainloop_free(self._loop)
        self._loop = None


def no_server() -> NoInputDevice:
    """Return the error for a machine on which no server answers."""
    return NoInputDevice(
        "no sound server answers",
        hint="Start PulseAudio, or PipeWire with pipewire-pulse; `pactl info` shows whether it runs.",
    )


def server_devices() -> list[Device]:
    """Return the microphones, then the outputs whose sound can be captured; waits for the server at most 2 s.

    Raises:
        NoInputDevice: There is no libpulse, or no server.
    """
    survey = _Survey()
    try:
        return survey.run()
    finally:
        survey.server.close()


class _Survey:
    """Asks for everything at once, and waits for the last answer."""

    def __init__(self) -> None:
        self._came = threading.Event()
        self.server = PulseServer(self._came.set)
        self._defaults = ("", "")
        self._found: list[Device] = []
        self._answered = False
        self._on_server = pa.OnServerInfo(self._note_server)
        self._on_source = pa.OnDeviceInfo(self._note_source)
        self._on_sink = pa.OnDeviceInfo(self._note_sink)

    def run(self) -> list[Device]:
        with self.server.locked():
            self.server.connect()
        self._wait_until(lambda: self.server.state == pa.CONTEXT_READY)
        with self.server.locked():
            self.server.ask("get_server_info", self._on_server)
            self.server.ask("get_source_info_list", self._on_source)
            self.server.ask("get_sink_info_list", self._on_sink)
        self._wait_until(lambda: self._answered)
        return self._found

    def _wait_until(self, condition: Any) -> None:
        while True:
            with self.server.locked():
                if self.server.state in {pa.CONTEXT_FAILED, pa.CONTEXT_TERMINATED}:
                    raise no_server()
                if condition():
                    return
                self._came.clear()
            if not self._came.wait(ANSWER_S):
                raise no_server()

    def _note_server(self, _context: int, info: Any, _data: object) -> None:
        if info:
            self._defaults = (
                pa.text(info.contents.default_source_name),
                pa.text(info.contents.default_sink_name),
            )

    def _note_source(self, _context: int, info: Any, _end: int, _data: object) -> None:
        if info and info.contents.monitor_of == pa.DEFAULT:
            self._found.append(device_of(info.contents, Kind.MICROPHONE, self._defaults[0]))

    def _note_sink(self, _context: int, info: Any, end: int, _data: object) -> None:
        if info:
            self._found.append(device_of(info.contents, Kind.SYSTEM, self._defaults[1]))
        if end:
            self._answered = True
            self._came.set()


def device_of(info: Any, kind: Kind, default: str) -> Device:
    """Return what a DeviceInfo says as a record."""
    name, spec = pa.text(info.name), info.sample_spec
    return Device(name, pa.text(info.description) or name, kind, name == default, spec.rate, spec.channels)

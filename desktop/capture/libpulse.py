"""libpulse by ctypes: the few dozen calls that capturing needs, with their types.

The asynchronous API and not the simple one, because only it can forbid the server to move a stream to another device
(`DONT_MOVE`), and because none of its calls waits for a server that has stopped answering.
"""

import ctypes
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint8, c_uint32, c_void_p
from functools import cache
from typing import Any

from engine.errors import NoInputDevice

SONAME = "libpulse.so.0"  # by soname: find_library does not work in a frozen program

CONTEXT_NOAUTOSPAWN = 1
CONTEXT_READY, CONTEXT_FAILED, CONTEXT_TERMINATED = 4, 5, 6
STREAM_READY, STREAM_FAILED, STREAM_TERMINATED = 2, 3, 4
STREAM_DONT_MOVE, STREAM_ADJUST_LATENCY = 0x0200, 0x2000
SUBSCRIBE_SINK, SUBSCRIBE_SOURCE, SUBSCRIBE_SERVER = 0x0001, 0x0002, 0x0080
FLOAT32 = 5  # PA_SAMPLE_FLOAT32LE
DEFAULT = 0xFFFFFFFF


class SampleSpec(ctypes.Structure):
    """pa_sample_spec."""

    _fields_ = (("format", c_int), ("rate", c_uint32), ("channels", c_uint8))


class ChannelMap(ctypes.Structure):
    """pa_channel_map."""

    _fields_ = (("channels", c_uint8), ("map", c_int * 32))


class BufferAttr(ctypes.Structure):
    """pa_buffer_attr; for recording only `maxlength` and `fragsize` count, in bytes."""

    _fields_ = tuple((name, c_uint32) for name in ("maxlength", "tlength", "prebuf", "minreq", "fragsize"))


class ServerInfo(ctypes.Structure):
    """The beginning of pa_server_info, as far as it is read."""

    _fields_ = (
        ("user_name", c_char_p),
        ("host_name", c_char_p),
        ("server_version", c_char_p),
        ("server_name", c_char_p),
        ("sample_spec", SampleSpec),
        ("default_sink_name", c_char_p),
        ("default_source_name", c_char_p),
    )


class DeviceInfo(ctypes.Structure):
    """The beginning of pa_sink_info and of pa_source_info, which are alike as far as they are read."""

    _fields_ = (
        ("name", c_char_p),
        ("index", c_uint32),
        ("description", c_char_p),
        ("sample_spec", SampleSpec),
        ("channel_map", ChannelMap),
        ("owner_module", c_uint32),
        ("volume", ChannelMap),  # as large as pa_cvolume, and not read
        ("mute", c_int),
        ("monitor_of", c_uint32),  # of a source: its sink's index, or DEFAULT where it is no monitor
    )


Notify = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)  # (context or stream, user data)
OnServerInfo = ctypes.CFUNCTYPE(None, c_void_p, POINTER(ServerInfo), c_void_p)
OnDeviceInfo = ctypes.CFUNCTYPE(None, c_void_p, POINTER(DeviceInfo), c_int, c_void_p)
OnChange = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_uint32, c_void_p)
OnSound = ctypes.CFUNCTYPE(None, c_void_p, c_size_t, c_void_p)

_PROTOTYPES: dict[str, tuple[Any, ...]] = {  # name: result, arguments
    "pa_threaded_mainloop_new": (c_void_p,),
    "pa_threaded_mainloop_start": (c_int, c_void_p),
    "pa_threaded_mainloop_stop": (None, c_void_p),
    "pa_threaded_mainloop_free": (None, c_void_p),
    "pa_threaded_mainloop_lock": (None, c_void_p),
    "pa_threaded_mainloop_unlock": (None, c_void_p),
    "pa_threaded_mainloop_get_api": (c_void_p, c_void_p),
    "pa_context_new": (c_void_p, c_void_p, c_char_p),
    "pa_context_connect": (c_int, c_void_p, c_char_p, c_int, c_void_p),
    "pa_context_disconnect": (None, c_void_p),
    "pa_context_unref": (None, c_void_p),
    "pa_context_get_state": (c_int, c_void_p),
    "pa_context_set_state_callback": (None, c_void_p, Notify, c_void_p),
    "pa_context_set_subscribe_callback": (None, c_void_p, OnChange, c_void_p),
    "pa_context_subscribe": (c_void_p, c_void_p, c_int, c_void_p, c_void_p),
    "pa_context_get_server_info": (c_void_p, c_void_p, OnServerInfo, c_void_p),
    "pa_context_get_sink_info_by_name": (c_void_p, c_void_p, c_char_p, OnDeviceInfo, c_void_p),
    "pa_context_get_sink_info_list": (c_void_p, c_void_p, OnDeviceInfo, c_void_p),
    "pa_context_get_source_info_by_name": (c_void_p, c_void_p, c_char_p, OnDeviceInfo, c_void_p),
    "pa_context_get_source_info_list": (c_void_p, c_void_p, OnDeviceInfo, c_void_p),
    "pa_operation_unref": (None, c_void_p),
    "pa_stream_new": (c_void_p, c_void_p, c_char_p, POINTER(SampleSpec), POINTER(ChannelMap)),
    "pa_stream_connect_record": (c_int, c_void_p, c_char_p, POINTER(BufferAttr), c_int),
    "pa_stream_disconnect": (c_int, c_void_p),
    "pa_stream_unref": (None, c_void_p),
    "pa_stream_get_state": (c_int, c_void_p),
    "pa_stream_get_device_name": (c_char_p, c_void_p),
    "pa_stream_is_suspended": (c_int, c_void_p),
    "pa_stream_peek": (c_int, c_void_p, POINTER(c_void_p), POINTER(c_size_t)),
    "pa_stream_drop": (c_int, c_void_p),
    "pa_stream_set_state_callback": (None, c_void_p, Notify, c_void_p),
    "pa_stream_set_moved_callback": (None, c_void_p, Notify, c_void_p),
    "pa_stream_set_suspended_callback": (None, c_void_p, Notify, c_void_p),
    "pa_stream_set_read_callback": (None, c_void_p, OnSound, c_void_p),
}


@cache
def library() -> ctypes.CDLL:
    """Return libpulse, its calls typed.

    Raises:
        NoInputDevice: It is not installed.
    """
    try:
        lib = ctypes.CDLL(SONAME)
    except OSError as e:
        raise NoInputDevice(
            f"{SONAME} cannot be loaded", hint="Install libpulse (Debian, Ubuntu: apt install libpulse0)."
        ) from e
    for name, (result, *arguments) in _PROTOTYPES.items():
        call = getattr(lib, name)
        call.restype, call.argtypes = result, arguments
    return lib


def text(name: bytes | None) -> str:
    """Return a C string as text; empty where there is none."""
    return name.decode(errors="replace") if name else ""

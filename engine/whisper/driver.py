"""The NVIDIA driver, asked by itself: what graphics cards there are, in milliseconds and without torch.

Its library is the one that CUDA programs load; without a driver it is not there. Nothing is started on a card.
"""

import ctypes
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LIBRARIES = {"linux": ("libcuda.so.1",), "win32": ("nvcuda.dll",)}
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE, of `cuda.h`; the next three as well
_STALE = {803, 804}  # SYSTEM_DRIVER_MISMATCH, COMPAT_NOT_SUPPORTED_ON_DEVICE: the library is newer than what runs
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_…
_VERSION = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True, slots=True)
class Card:
    """A graphics card.

    Attributes:
        name: As its maker calls it.
        memory_bytes: All of it, used or not.
        capability: (major, minor) of what the chip can do.
    """

    name: str
    memory_bytes: int
    capability: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Driver:
    """The driver of this machine.

    Attributes:
        version: As NVIDIA counts, "550.54.14"; empty where the system does not tell.
        cuda: The newest CUDA that it knows, "12.4"; empty where it does not say.
        cards: In its own order.
        problem: Why it does not start, one sentence without its full stop; empty where it does.
    """

    version: str = ""
    cuda: str = ""
    cards: tuple[Card, ...] = ()
    problem: str = ""


class _Refused(Exception):
    """A call of the driver ended with this number."""


def find_driver(load: Callable[[str], Any] = ctypes.CDLL, version: Path = _VERSION) -> Driver | None:
    """Return the NVIDIA driver; None where there is none.

    Args:
        load: Opens a shared library by its name, or raises OSError.
        version: The file in which Linux tells the version.
    """
    library = None
    for name in _LIBRARIES.get(sys.platform, ()):
        try:
            library = load(name)
        except OSError:
            continue
    if library is None:
        return None
    told = _version(version)
    try:
        return _ask(library, told)
    except _Refused as error:
        (code,) = error.args
        if code == _NO_DEVICE:
            return Driver(version=told)
        stale = "it was updated and this computer not started since" if code in _STALE else f"error {code}"
        return Driver(version=told, problem=f"the NVIDIA driver does not start: {stale}")
    except AttributeError as error:  # a function is missing
        return Driver(version=told, problem=f"the NVIDIA driver is too old: {error}")


def _ask(library: Any, version: str) -> Driver:
    _call(library.cuInit, 0)
    number, count = ctypes.c_int(), ctypes.c_int()
    _call(library.cuDriverGetVersion, ctypes.byref(number))
    _call(library.cuDeviceGetCount, ctypes.byref(count))
    cuda = f"{number.value // 1000}.{number.value % 1000 // 10}"
    return Driver(version, cuda, tuple(_card(library, index) for index in range(count.value)))


def _card(library: Any, index: int) -> Card:
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t()
    _call(library.cuDeviceGet, ctypes.byref(device), index)
    _call(library.cuDeviceGetName, name, len(name), device)
    _call(library.cuDeviceTotalMem_v2, ctypes.byref(memory), device)
    _call(library.cuDeviceGetAttribute, ctypes.byref(major), _MAJOR, device)
    _call(library.cuDeviceGetAttribute, ctypes.byref(minor), _MINOR, device)
    return Card(name.value.decode(errors="replace"), memory.value, (major.value, minor.value))


def _call(function: Any, *arguments: Any) -> None:
    if code := function(*arguments):
        raise _Refused(code)


def _version(path: Path) -> str:
    try:
        found = re.search(r"Module\s.*?(\d+\.\d+(?:\.\d+)?)", path.read_text(encoding="utf-8"))
    except OSError:
        return ""
    return found[1] if found else ""

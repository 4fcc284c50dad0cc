"""What a sound system must offer to be captured from: the two protocols, and the devices they speak of.

`LiveSource` heals and follows; a host says what there is and opens it. One host per sound system: PulseAudio (PipeWire
with it), PortAudio, WASAPI loopback.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from engine.audio.ring import Ring
from engine.errors import NoInputDevice

Clock = Callable[[], float]

RING_S = 10  # how long the engine may look away before sound is lost


class Kind(Enum):
    """What is heard: a person, or the computer."""

    MICROPHONE = "microphone"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Device:
    """Something that can be captured.

    Attributes:
        id: What its sound system knows it by; stays the same from run to run where the system allows it.
        name: For the person.
        kind: Whether it hears a person or what the computer plays.
        default: Whether it is the one that is taken when none is named.
        rate: Its own sample rate in Hz.
        channels: Its own number of channels.
    """

    id: str
    name: str
    kind: Kind
    default: bool
    rate: int
    channels: int


class TapState(Enum):
    """How a tap is doing."""

    OPENING = "opening"
    RUNNING = "running"
    LOST = "lost"


class Tap(Protocol):
    """One device, open. Its audio thread writes into `ring`, then sets `arrival`, then sets the wake event.

    Attributes:
        device: What it captures.
        ring: At the device's rate, with its channels.
        arrival: How many frames had been written when the last block came, and when that was.
        state: LOST is for good.
        idle: Nothing coming now means silence: the system delivers nothing while nothing plays.
        patience_s: How long nothing may come before it is worth opening the device anew; may be infinite.
    """

    device: Device
    ring: Ring
    arrival: tuple[int, float]
    state: TapState

    @property
    def idle(self) -> bool:
        """See the class."""
        ...

    @property
    def patience_s(self) -> float:
        """See the class."""
        ...

    def close(self) -> None:
        """Stop the audio thread and free the device; its ring can still be read."""
        ...


class Host(Protocol):
    """A sound system, asked for one device: a certain one, or whichever is the default."""

    def target(self, now: float) -> Device | None:
        """Return the device to be captured now, or None while there is none or it is not yet known."""
        ...

    def open(self, device: Device, wake: threading.Event) -> Tap:
        """Begin to capture a device; what fails later shows in the tap's state.

        Raises:
            CaptureError: It cannot be opened now.
        """
        ...

    def trouble(self) -> NoInputDevice | None:
        """Return why there is no target, with the mend; None while that is not known."""
        ...

    def close(self) -> None:
        """Let go of the sound system; closing twice is harmless, and `target` begins anew."""
        ...


def boot_clock() -> float:
    """Return seconds that never jump back and also count while the computer sleeps, where the system tells."""
    clock: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)

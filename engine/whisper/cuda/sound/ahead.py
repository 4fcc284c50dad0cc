"""Windows encoded ahead of their turn, beside the decoder: sound → log-mel → a memory, on a stream of its own.

The encoder is bound by arithmetic, the decoder's steps by memory: beside each other they take little more than the
longer of the two. There are two memories in turn: while the decoder takes a window from one, the next is encoded into
the other. So neither waits for the other as long as windows end one after another; several that end in the same round
are replaced in the rounds that follow, and their successors end apart.

Each memory is filled behind the event by which the decoder had taken what was in it, and taken behind the event of its
filling. The host waits for neither.
"""

from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.records import Window
from engine.units import SAMPLES_PER_POSITION, WINDOW_S, samples
from engine.whisper.cuda.device.protocol import Device, Event, Graph
from engine.whisper.cuda.model.budget import AHEAD
from engine.whisper.cuda.model.whisper import Memory, Whisper
from engine.whisper.cuda.sound.encoding import Encoding
from engine.whisper.cuda.sound.mel import Mel
from engine.whisper.recognizer import Context

ENCODER = "encoder"  # names its streams
# Windows whose sound may be on its way: those that wait, and as many that the decoder takes in this round.
STAGED = 2 * AHEAD


@dataclass(frozen=True, slots=True)
class Encoded:
    """A window on its way into a memory.

    Attributes:
        number: Of the memory.
        ready: When it is there.
    """

    number: int
    ready: Event


class Ahead:
    """Encodes windows, one after another, beside what a device computes.

    Args:
        model: On the device.
        device: Whose decoder takes them.
        context: What the encoder needs to see.
    """

    def __init__(self, model: Whisper, device: Device, context: Context) -> None:
        self._decoder = device
        self._device = device.beside(ENCODER)
        self._sound = _Sound(self._device, model.dims.mels)
        self._encoding = Encoding(model, self._device, context, self._sound.prepare, memories=AHEAD)
        self._taken: list[Event | None] = [None] * AHEAD
        self._number = 0

    @property
    def memories(self) -> list[Memory]:
        """Of one window each."""
        return self._encoding.memories

    def encode(self, window: Window) -> Encoded:
        """Launch what brings a window of at most 30 s into the memory that was taken from longest ago."""
        self._number = number = (self._number + 1) % AHEAD
        positions = self._encoding.shown(len(window.samples))
        self._encoding.prepare(positions, number)
        self._sound.hear(window, positions)
        taken = self._taken[number]
        with self._device.compute(*[taken] if taken else []):
            self._encoding.encode(positions, number)
        return Encoded(number, self._device.mark())

    def taken(self, encoded: Encoded) -> None:
        """Say that what the decoder launched so far took a window from its memory."""
        self._taken[encoded.number] = self._decoder.mark()


class _Sound:
    """Brings the sound of one window after another to the device."""

    def __init__(self, device: Device, n_mels: int) -> None:
        self._device = device
        self._staging = [device.page_locked((samples(WINDOW_S),), torch.float32) for _ in range(STAGED)]
        self._brought: deque[Event] = deque()
        self._number = 0
        self._heard: Event | None = None
        with device.compute():
            self._mel = Mel(n_mels, device.place)
            self._samples = torch.zeros(samples(WINDOW_S), device=device.place)
        self._graphs: dict[int, tuple[Graph, Tensor]] = {}

    def prepare(self, positions: int) -> Tensor:
        """Capture the mel of so many positions, and return where it will lie, [mels, 2 × positions]."""
        if positions not in self._graphs:
            with self._device.compute():
                shape = (self._mel.n_mels, 2 * positions)
                mel = torch.zeros(shape, dtype=self._device.dtype, device=self._device.place)

            def compute() -> None:
                mel.copy_(self._mel.log_mel(self._samples[None, : positions * SAMPLES_PER_POSITION])[0])

            self._graphs[positions] = self._device.capture(f"mel of {positions} positions", compute), mel
        return self._graphs[positions][1]

    def hear(self, window: Window, positions: int) -> None:
        """Launch what fills it with a window, and silence behind."""
        if len(self._brought) == STAGED and not (event := self._brought.popleft()).done():
            event.wait()
        self._number = (self._number + 1) % STAGED
        staging = self._staging[self._number]
        length = positions * SAMPLES_PER_POSITION
        sound = window.samples[:length]
        values = staging.numpy()
        values[: len(sound)] = sound
        values[len(sound) : length] = 0.0
        after = [self._heard] if self._heard else []
        event = self._device.upload(staging[:length], self._samples[:length], *after)
        self._brought.append(event)
        with self._device.compute(event):
            self._graphs[positions][0].replay()
        self._heard = self._device.mark()  # not later: the next sound comes while this one is encoded

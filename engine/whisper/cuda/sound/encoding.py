"""A window's sound → what the decoder may attend to: captured for lengths in steps of a second, up to 30 s."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from engine.units import SAMPLES_PER_POSITION, WINDOW_S, samples
from engine.whisper.cuda.device.protocol import Device, Graph
from engine.whisper.cuda.model.whisper import Memory, Whisper
from engine.whisper.recognizer import Context

STEP = 50  # positions, 1 s


class Encoding:
    """Fills memories of one window each.

    Args:
        model: Whose encoder it is.
        device: Where.
        context: What the encoder is shown, and what stands behind it.
        mel: Returns the static log-mel [mels, 2 n] of n positions; filled before `encode` is called.
        memories: So many there are.

    Attributes:
        memories: Of one window each.
    """

    def __init__(
        self, model: Whisper, device: Device, context: Context, mel: Callable[[int], Tensor], *, memories: int = 1
    ) -> None:
        self._model, self._device, self._context, self._mel = model, device, context, mel
        self._graphs: dict[tuple[int, int], Graph] = {}
        self._silence: tuple[Tensor, Tensor] | None = None
        with device.compute():
            self.memories = [model.memory(1, model.dims.positions) for _ in range(memories)]
        if context.filled:
            self._silence = self._remembered_silence()

    def shown(self, length: int) -> int:
        """Return how many positions the encoder is shown of a window of so many samples."""
        context = self._context
        shown = max(length + samples(context.margin_s), samples(context.least_s), 1)
        steps = -(-shown // (STEP * SAMPLES_PER_POSITION))
        return min(steps * STEP, samples(WINDOW_S) // SAMPLES_PER_POSITION, self._model.dims.positions)

    def prepare(self, positions: int, number: int = 0) -> None:
        """Capture the encoder of a length, into a memory in which nothing is yet needed. Not for the live path."""
        if (positions, number) not in self._graphs:
            mel, memory = self._mel(positions), self.memories[number]
            encode = partial(self._encode, mel, memory)
            self._graphs[positions, number] = self._device.capture(f"encode {positions}", encode)

    def encode(self, positions: int, number: int = 0) -> None:
        """Encode the log-mel of so many positions into a memory."""
        self.prepare(positions, number)
        self._graphs[positions, number].replay()

    def _encode(self, mel: Tensor, memory: Memory) -> None:
        positions = mel.shape[1] // 2
        self._model.remember(self._model.encode(mel[None]), memory)
        if self._silence is not None:
            keys, values = self._silence
            memory.keys[:, :, :, positions:] = keys[:, :, :, positions:]
            memory.values[:, :, :, positions:] = values[:, :, :, positions:]
            positions = self._model.dims.positions
        memory.lengths.fill_(positions)

    def _remembered_silence(self) -> tuple[Tensor, Tensor]:
        """Return the keys and values of 30 s of silence."""
        model, memory = self._model, self.memories[0]
        with self._device.compute():
            # What log-mel makes of zeros: the least power everywhere, (log10(1e-10) + 4) / 4.
            shape = (1, model.dims.mels, 2 * model.dims.positions)
            mel = torch.full(shape, -1.5, dtype=model.dtype, device=self._device.place)
            model.remember(model.encode(mel), memory)
            return memory.keys.clone(), memory.values.clone()

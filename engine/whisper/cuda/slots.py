"""Whisper on a GPU for whole recordings: windows side by side, and the next one in as soon as one has ended.

    window → mel → encoder → a slot's memory → prompt → steps with the others → alignment → answer

A step reads every weight of the decoder, however many windows it is for, so that company costs little; and texts are of
many lengths, so that a batch which waits for its longest leaves most of the GPU idle. Here each window has a slot of
the static cache; the others go on while its successor is encoded and enters. What is heard in a window hangs on that
window alone.

Nothing waits for the device but a look at what is finished, a round late, and the results, a round later still.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

import torch
from torch import Tensor

from engine.records import Hypothesis, Window
from engine.settings import EngineSettings
from engine.units import SAMPLES_PER_POSITION, WINDOW_S, samples
from engine.whisper.cuda.decoding.alignment import Alignment
from engine.whisper.cuda.decoding.detection import Detection
from engine.whisper.cuda.decoding.orders import Order
from engine.whisper.cuda.decoding.rules import Rules
from engine.whisper.cuda.decoding.search import ROUND, Search
from engine.whisper.cuda.decoding.wording import Wording
from engine.whisper.cuda.device.protocol import Device, Event, Graph, Pending
from engine.whisper.cuda.kernels.operations import PLAIN, Operations
from engine.whisper.cuda.model.layers import Linear
from engine.whisper.cuda.model.weights import read_checkpoint
from engine.whisper.cuda.model.whisper import Whisper
from engine.whisper.cuda.sound.encoding import Encoding
from engine.whisper.cuda.sound.mel import Mel
from engine.whisper.recognizer import Context

SLOTS = 16  # windows side by side
STAGED = 2  # windows whose sound may be on its way


@dataclass(eq=False)
class Asked:
    """A window and where its answer goes.

    Attributes:
        window: To decode.
        terms: Whether the vocabulary is shown.
        future: Its answer.
        order: How it is decoded, once it has a slot.
        steps: Made since it has.
    """

    window: Window
    terms: bool = True
    future: "Future[Hypothesis]" = field(default_factory=Future)
    order: Order | None = None
    steps: int = 0


class CudaBatchRecognizer:
    """A Whisper model on a device, for many windows at a time.

    Args:
        folder: As `CudaRecognizer`.
        context: What its encoder needs to see.
        settings: As `CudaRecognizer`; every window is searched as widely as they say.
        device: Where it computes.
        slots: Windows side by side.
        operations: Of the token step.
        precise: See `Whisper`.

    Raises:
        SettingsError: The vocabulary does not fit.
        ModelCorrupt: The folder holds no readable model.
        DeviceError: The device failed, or has not enough memory.

    Thread:
        One of its own computes; `submit` and `close` are called by one other.
    """

    def __init__(
        self,
        folder: Path,
        context: Context,
        settings: EngineSettings,
        device: Device,
        *,
        slots: int = SLOTS,
        operations: Operations = PLAIN,
        precise: Callable[[str, Linear], Linear] | None = None,
    ) -> None:
        self.context = context
        self.ahead = 2 * slots
        checkpoint = read_checkpoint(folder)
        self._wording = Wording(folder, settings, checkpoint)
        self.languages = self._wording.languages
        with device.compute():
            rules = Rules(self._wording.marks, checkpoint.dims.vocabulary, device.place)
            model = Whisper(checkpoint, device.place, device.dtype, operations=operations, precise=precise)
        self._slots = Slots(model, device, context, rules, self._wording, slots=slots, beams=settings.beam)
        self._pool = ThreadPoolExecutor(1)
        self._lock = Lock()
        self._waiting: deque[Asked] = deque()

    def submit(self, window: Window) -> "Future[Hypothesis]":
        """Take a window, and return what will be said in it."""
        asked = Asked(window)
        with self._lock:
            self._waiting.append(asked)
        self._pool.submit(self._work)
        return asked.future

    def close(self) -> None:
        """Give up what waits, and end."""
        with self._lock:
            for asked in self._waiting:
                asked.future.cancel()
            self._waiting.clear()
        self._pool.shutdown(cancel_futures=True)

    def _work(self) -> None:
        """Go on until nothing waits; a window that comes meanwhile is taken along."""
        try:
            while self._slots.round(self._next):
                pass
        except BaseException as error:  # noqa: BLE001  # whoever waits for an answer gets it, and raises it
            with self._lock:
                lost = [*self._slots.drop(), *self._waiting]
                self._waiting.clear()
            for asked in lost:
                asked.future.set_exception(error)

    def _next(self) -> "Asked | None":
        """Take what waits longest and is still wanted."""
        with self._lock:
            while self._waiting:
                asked = self._waiting.popleft()
                if asked.future.set_running_or_notify_cancel():
                    return asked
        return None


class Slots:
    """Decodes windows side by side.

    Args:
        model: On the device.
        device: Where.
        context: What the encoder needs to see.
        rules: What may be written.
        wording: What is told, and what tokens mean.
        slots: Windows side by side.
        beams: Width of the search.
    """

    def __init__(
        self,
        model: Whisper,
        device: Device,
        context: Context,
        rules: Rules,
        wording: Wording,
        *,
        slots: int,
        beams: int,
    ) -> None:
        self._device, self._wording = device, wording
        self._sound = _Sound(device, model.dims.mels)
        self._encoding = Encoding(model, device, context, self._sound.prepare)
        entrance = self._encoding.memory
        with device.compute():
            memory = model.memory(slots, model.dims.positions)
        self._search = search = Search(model, device, rules, memory, beams=beams)
        self._detection = Detection(model, device, search, entrance, wording)
        language = self._detection.spoken, self._detection.share
        self._alignment = Alignment(model, device, search, memory, end=wording.marks.end, language=language)

        def install() -> None:
            """Put what the window that enters may attend to into its slot."""
            memory.keys.index_copy_(1, search.order.slot, entrance.keys)
            memory.values.index_copy_(1, search.order.slot, entrance.values)
            memory.lengths.index_copy_(0, search.order.slot, entrance.lengths)

        self._install = device.capture("install", install)
        self._decoding: list[Asked | None] = [None] * slots
        self._looked: tuple[Pending, list[Asked | None]] | None = None
        self._aligned: list[tuple[Asked, Pending]] = []
        self._again: deque[Asked] = deque()

    def round(self, take: Callable[[], Asked | None]) -> bool:
        """Fill free slots, write some tokens in all, align what has finished, and answer what was aligned before.

        Args:
            take: Returns the next window, or None where none waits.

        Returns:
            Whether there is more to do.
        """
        for slot, asked in enumerate(self._decoding):
            if asked is None and (new := self._again.popleft() if self._again else take()):
                self._decoding[slot] = new
                self._enter(new, slot)
        before, self._aligned = self._aligned, []
        if any(self._decoding):
            self._search.advance()
            for asked in filter(None, self._decoding):
                asked.steps += ROUND
            looked, self._looked = self._looked, (self._device.fetch(self._search.finished), list(self._decoding))
            if looked is not None:
                self._align_finished(*looked)
        for asked, pending in before:
            self._answer(asked, pending)
        return any(self._decoding) or bool(self._aligned) or bool(self._again)

    def drop(self) -> list[Asked]:
        """Give up all windows, and return them."""
        lost = [*filter(None, self._decoding), *(asked for asked, _ in self._aligned), *self._again]
        self._decoding = [None] * len(self._decoding)
        self._aligned, self._looked = [], None
        self._again.clear()
        return [asked for asked in lost if not asked.future.done()]

    def _enter(self, asked: Asked, slot: int) -> None:
        """Launch all that brings a window into a slot, up to its first token."""
        window = replace(asked.window, samples=asked.window.samples[: samples(WINDOW_S)])
        asked.window, asked.steps = window, 0
        asked.order = self._wording.order(window, terms=asked.terms)
        positions = self._encoding.shown(len(window.samples))
        self._encoding.prepare(positions)
        self._sound.hear(window, positions)
        self._encoding.encode(positions)
        with self._device.compute(self._search.tell(asked.order, slot)):
            self._install.replay()
            if self._wording.detects(window):
                self._detection.detect()
            self._search.enter(self._encoding.memory)

    def _align_finished(self, flags: Pending, then: list[Asked | None]) -> None:
        """Align what had finished when the flags were launched, and free its slot."""
        (finished,) = flags.get()
        for slot, asked in enumerate(then):
            if asked is not None and asked.order is not None and finished[slot] and self._decoding[slot] is asked:
                self._aligned.append((asked, self._alignment.fetch(asked.order, asked.steps, slot)))
                self._decoding[slot] = None

    def _answer(self, asked: Asked, pending: Pending) -> None:
        aligned = Alignment.read(pending, self._wording.opening)
        hypothesis, _ = self._wording.hypothesis(asked.window, aligned)
        if asked.terms and self._wording.parroted(hypothesis):
            asked.terms = False
            self._again.append(asked)
        else:
            asked.future.set_result(hypothesis)


class _Sound:
    """Brings the sound of one window after another to the device."""

    def __init__(self, device: Device, n_mels: int) -> None:
        self._device = device
        self._staging = [device.page_locked((samples(WINDOW_S),), torch.float32) for _ in range(STAGED)]
        self._brought: deque[Event] = deque()
        self._number = 0
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
        event = self._device.upload(staging[:length], self._samples[:length], self._device.mark())
        self._brought.append(event)
        with self._device.compute(event):
            self._graphs[positions][0].replay()

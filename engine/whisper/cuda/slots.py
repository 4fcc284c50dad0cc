"""Whisper on a GPU for whole recordings: windows side by side, and the next one in as soon as one has ended.

    window → mel → encoder                                                              beside the others' steps
           → a slot's memory → prompt → steps with the others → alignment → answer

A step reads every weight of the decoder, however many windows it is for, so that company costs little; and texts are of
many lengths, so that a batch which waits for its longest leaves most of the GPU idle. Here each window has a slot of
the static cache; the others go on while its successor enters, which was encoded ahead (`sound.ahead`). What is heard in
a window hangs on that window alone.

Nothing waits for the device but a look at what is finished, a round late, and the results, a round later still.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Lock

from engine.errors import EngineError
from engine.records import Hypothesis, Window
from engine.settings import EngineSettings
from engine.units import WINDOW_S, samples
from engine.whisper.cuda.decoding.alignment import Alignment
from engine.whisper.cuda.decoding.detection import Detection
from engine.whisper.cuda.decoding.orders import Order
from engine.whisper.cuda.decoding.rules import Rules
from engine.whisper.cuda.decoding.search import ROUND, Search
from engine.whisper.cuda.decoding.wording import Wording
from engine.whisper.cuda.device.protocol import Device, Pending
from engine.whisper.cuda.kernels.operations import PLAIN, Operations
from engine.whisper.cuda.model.budget import AHEAD
from engine.whisper.cuda.model.layers import Linear
from engine.whisper.cuda.model.weights import read_checkpoint
from engine.whisper.cuda.model.whisper import Memory, Whisper
from engine.whisper.cuda.sound.ahead import Ahead, Encoded
from engine.whisper.recognizer import Context

SLOTS = 16  # windows side by side


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

    Attributes:
        slots: What decodes; for the own thread, or for whoever submits nothing.

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
        self._device = device
        self.ahead = 2 * slots + AHEAD
        checkpoint = read_checkpoint(folder)
        self._wording = Wording(folder, settings, checkpoint)
        self.languages = self._wording.languages
        with device.compute():
            rules = Rules(self._wording.marks, checkpoint.dims.vocabulary, device.place)
            model = Whisper(checkpoint, device.place, device.dtype, operations=operations, precise=precise)
        self.slots = Slots(model, device, context, rules, self._wording, slots=slots, beams=settings.beam)
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
        with suppress(EngineError):  # a device that has failed does nothing any more
            self._device.finish()  # what was encoded ahead reads the weights, which may now be let go

    def _work(self) -> None:
        """Go on until nothing waits; a window that comes meanwhile is taken along."""
        try:
            while self.slots.round(self._next):
                pass
        except BaseException as error:  # noqa: BLE001  # whoever waits for an answer gets it, and raises it
            with self._lock:
                lost = [*self.slots.drop(), *self._waiting]
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
        self._encoder = Ahead(model, device, context)
        with device.compute():
            memory = model.memory(slots, model.dims.positions)
            self._entrance = entrance = model.memory(1, model.dims.positions)
        self._search = search = Search(model, device, rules, memory, beams=beams)
        self._detection = Detection(model, device, search, entrance, wording)
        language = self._detection.spoken, self._detection.share
        self._alignment = Alignment(model, device, search, memory, end=wording.marks.end, language=language)

        def install(encoded: Memory) -> None:
            """Put what the window that enters may attend to into its slot, and where its prompt is read."""
            slot = search.order.slot
            for axis, all_, one, new in (
                (1, memory.keys, entrance.keys, encoded.keys),
                (1, memory.values, entrance.values, encoded.values),
                (0, memory.lengths, entrance.lengths, encoded.lengths),
            ):
                all_.index_copy_(axis, slot, new)
                one.copy_(new)

        self._install = [device.capture("install", partial(install, each)) for each in self._encoder.memories]
        self._ahead: deque[Asked] = deque()
        self._encoded: deque[Encoded] = deque()  # of those, in the same order
        self._decoding: list[Asked | None] = [None] * slots
        self._looked: tuple[Pending, list[Asked | None]] | None = None
        self._aligned: deque[tuple[Asked, Pending]] = deque()
        self._again: deque[Asked] = deque()

    def round(self, take: Callable[[], Asked | None]) -> bool:
        """Fill free slots, write some tokens in all, align what has finished, and answer what was aligned before.

        What enters was encoded since the last round, beside the tokens that were written in it; what will enter next is
        encoded beside those of this one.

        Args:
            take: Returns the next window, or None where none waits.

        Returns:
            Whether there is more to do.
        """
        for slot, asked in enumerate(self._decoding):
            if asked is None and self._ahead:
                self._decoding[slot] = first = self._ahead.popleft()
                self._enter(first, self._encoded.popleft(), slot)
        while len(self._ahead) < AHEAD and (new := self._again.popleft() if self._again else take()):
            self._ahead.append(new)
            self._encode(new)
        answers = len(self._aligned)
        if any(self._decoding):
            self._search.advance()
            for asked in filter(None, self._decoding):
                asked.steps += ROUND
            looked, self._looked = self._looked, (self._device.fetch(self._search.finished), list(self._decoding))
            if looked is not None:
                self._align_finished(*looked)
        for _ in range(answers):
            self._answer(*self._aligned[0])
            self._aligned.popleft()
        return any(self._decoding) or bool(self._aligned) or bool(self._again) or bool(self._ahead)

    def drop(self) -> list[Asked]:
        """Give up all windows, and return them."""
        decoding = [asked for asked in self._decoding if asked is not None]
        lost = [*decoding, *(asked for asked, _ in self._aligned), *self._again, *self._ahead]
        self._decoding = [None] * len(self._decoding)
        self._looked = None
        for waiting in (self._aligned, self._again, self._ahead, self._encoded):
            waiting.clear()
        return [asked for asked in lost if not asked.future.done()]

    def _encode(self, asked: Asked) -> None:
        """Launch what a window needs before it can enter."""
        asked.window = replace(asked.window, samples=asked.window.samples[: samples(WINDOW_S)])
        self._encoded.append(self._encoder.encode(asked.window))

    def _enter(self, asked: Asked, encoded: Encoded, slot: int) -> None:
        """Launch all that brings a window into a slot once it is encoded, up to its first token."""
        asked.order, asked.steps = self._wording.order(asked.window, terms=asked.terms), 0
        with self._device.compute(encoded.ready, self._search.tell(asked.order, slot)):
            self._install[encoded.number].replay()
            self._encoder.taken(encoded)
            if self._wording.detects(asked.window):
                self._detection.detect()
            self._search.enter(self._entrance)

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

"""What is timed of our engine on a device: single parts, a live update, batches, and how soon it is ready."""

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor

from engine.records import Window, Word
from engine.settings import ENGLISH, EngineSettings
from engine.units import SAMPLES_PER_POSITION, WINDOW_S, samples
from engine.whisper.cuda.decoding.rules import Rules
from engine.whisper.cuda.decoding.search import Order, Search
from engine.whisper.cuda.decoding.wording import Wording
from engine.whisper.cuda.device.protocol import Device
from engine.whisper.cuda.kernels.operations import Operations
from engine.whisper.cuda.model.weights import read_checkpoint
from engine.whisper.cuda.model.whisper import Memory, Whisper
from engine.whisper.cuda.recognizer import CudaRecognizer
from engine.whisper.cuda.slots import CudaBatchRecognizer
from engine.whisper.cuda.sound.mel import Mel
from engine.whisper.recognizer import Context
from tests.benchmarks import random_weights

UPDATE_S = 10.0  # window of a live update
STEP_S = 0.5  # between two updates
NEW_TOKENS = 12  # that an update writes
PREFIX = 16  # words of it that are committed, a token each
EARLIER = 38  # tokens of earlier text
READY = "ready"
GREEDY = EngineSettings(beam=1)
_WINDOWS = 200  # before the sound begins again


@dataclass(frozen=True, slots=True)
class Repeats:
    """How often what is done; one round before warms up.

    Attributes:
        steps: Tokens that are timed together.
        parts: Of these, of an encoder.
        updates: Live updates.
        batches: Of whole recordings.
    """

    steps: int = 32
    parts: int = 50
    updates: int = 100
    batches: int = 5


def device_ms(device: Device, act: Callable[[], object]) -> float:
    """Return what an act takes on a GPU's compute stream, by its events; on the processor, by the clock."""
    if device.place.type != "cuda":
        began = time.perf_counter()
        act()
        return (time.perf_counter() - began) * 1000
    start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    device.finish()
    with device.compute():
        start.record()
        act()
        stop.record()
    device.finish()
    return float(start.elapsed_time(stop))


def wall_ms(act: Callable[[], object]) -> float:
    """Return what an act takes that ends with its result on the host."""
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def typical(measure: Callable[[], float], repeats: int) -> float:
    """Return the median of so many measurements, after one that warms up."""
    measure()
    return median(measure() for _ in range(repeats))


class Batch:
    """Decodes several windows of sound side by side: mel, encoder, what is told, then a token of each at a time.

    It is what a GPU must do at least for many streams: the text alone, without the times of words.

    Args:
        folder: Of the model.
        device: Where.
        operations: Of the token step.
        windows: How many.
        positions: Of each, 20 ms; 1500 are 30 s.
        told: Tokens that each is told.
        beams: Of the search.
    """

    def __init__(
        self,
        folder: Path,
        device: Device,
        operations: Operations,
        *,
        windows: int = 1,
        positions: int = 1500,
        told: int = 4,
        beams: int = 1,
    ) -> None:
        checkpoint = read_checkpoint(folder)
        wording = Wording(folder, EngineSettings(), checkpoint)
        self._device, self._windows = device, windows
        self._order = Order([wording.tokenizer.start] * told, opening=0, longest=checkpoint.dims.tokens - told)
        rules = Rules(wording.marks, checkpoint.dims.vocabulary, device.place)
        with device.compute():
            self._model = model = Whisper(checkpoint, device.place, device.dtype, operations=operations)
            mel = Mel(model.dims.mels, device.place)
            self._memory = model.memory(windows, positions)
            one = model.memory(1, positions)
            shape = (windows, model.dims.mels, 2 * positions)
            heard = torch.zeros(shape, dtype=device.dtype, device=device.place)
            self._sound = torch.zeros(windows, positions * SAMPLES_PER_POSITION, device=device.place)
            noise = 0.1 * torch.randn(self._sound.shape)
            self._staging = device.page_locked(self._sound.shape, torch.float32)
            self._staging.copy_(noise)
        self._one: Memory | None = one if windows > 1 else None

        def encode(sound: Tensor) -> None:
            heard.copy_(mel.log_mel(sound))
            model.remember(model.encode(heard), self._memory)
            self._memory.lengths.fill_(positions)

        self._encode = device.capture(f"encode {windows} x {positions}", encode, self._sound)
        self._search = Search(model, device, rules, self._memory, beams=beams)

    def encode(self) -> None:
        """Launch mel, encoder, and what the decoder remembers of it."""
        self._encode.replay()

    def enter(self) -> None:
        """Launch what is told to each window."""
        for slot in range(self._windows):
            told = self._search.tell(self._order, slot)
            with self._device.compute(told):
                if self._one is not None:
                    for mine, all_ in zip(
                        (self._one.keys, self._one.values), (self._memory.keys, self._memory.values), strict=True
                    ):
                        mine.copy_(all_[:, slot : slot + 1])
                    self._one.lengths.copy_(self._memory.lengths[slot : slot + 1])
                self._search.enter(self._one)

    def advance(self, steps: int) -> None:
        """Launch so many tokens of each window; what has ended takes as long as what has not."""
        self._search.advance(steps)

    def run(self, tokens: int) -> None:
        """Bring sound, write so many tokens of each window, and read them."""
        ready = self._device.upload(self._staging, self._sound, self._device.mark())
        with self._device.compute(ready):
            self.encode()
        self.enter()
        self.advance(tokens - 1)  # the first came with what was told
        with self._device.compute():
            chosen = self._search.chosen()
        self._device.fetch(*chosen).get()


def token_ms(batch: Batch, device: Device, repeats: Repeats) -> float:
    """Return what a token of each window takes."""
    batch.encode()
    batch.enter()
    return typical(lambda: device_ms(device, lambda: batch.advance(repeats.steps)) / repeats.steps, repeats.parts)


@dataclass(frozen=True, slots=True)
class Updates:
    """What live updates took, audio in to text out.

    Attributes:
        ms: Of each.
        tokens: New ones of an update, mean.
        reads: How often the host waited in an update, mean.
    """

    ms: list[float]
    tokens: float
    reads: float


class Live:
    """A stream of live updates of one length, with text before and a part that is committed already.

    Args:
        folder: Of the model.
        context: What its encoder is shown.
        device: Where.
        operations: Of the token step.
        random: Whether it is ours, with random weights: then every update writes `NEW_TOKENS`.
    """

    def __init__(self, folder: Path, context: Context, device: Device, operations: Operations, *, random: bool) -> None:
        noise = np.random.default_rng(0).standard_normal(samples(UPDATE_S) + _WINDOWS * samples(STEP_S), np.float32)
        self._sound = 0.1 * noise
        settings = EngineSettings()
        if random:
            wording = Wording(folder, settings, read_checkpoint(folder))
            told = len(wording.order(self._window(0)).told)
            random_weights.end_at(folder, told + NEW_TOKENS - 1, wording.marks.end)
        # Without a draft: it would be right, random weights do not listen.
        self._recognizer = CudaRecognizer(folder, context, settings, device, operations=operations, drafts=False)

    def update(self, number: int, stream: int = 0) -> None:
        """Hear the window of an update; those of a stream overlap."""
        self._recognizer.recognize(self._window(number, stream))

    def _window(self, number: int, stream: int = 0) -> Window:
        start, length = number % _WINDOWS * samples(STEP_S), samples(UPDATE_S)
        at = start + stream * samples(3600.0)
        seconds = np.linspace(at, at + length * 0.7, PREFIX + 1).astype(int).tolist()
        prefix = tuple(Word(" the", a, b, 0.9) for a, b in pairwise(seconds))
        sound = self._sound[start : start + length]
        return Window(sound, at, " the" * EARLIER, prefix, language=ENGLISH)

    def measure(self, repeats: int) -> Updates:
        """Return what so many updates of one stream take, after three that warm up."""
        for number in range(3):
            self.update(number)
        counts = self._recognizer.counts
        written, reads = counts.written, counts.reads
        ms = [wall_ms(lambda number=number: self.update(number)) for number in range(3, repeats + 3)]
        return Updates(ms, (counts.written - written) / repeats, (counts.reads - reads) / repeats)

    def round_ms(self, streams: int, number: int) -> float:
        """Return what one update of each of so many streams takes, one after another."""
        return wall_ms(lambda: [self.update(number, stream) for stream in range(streams)])


def most_streams(round_ms: Callable[[int], float], counts: list[int], deadline_ms: float, rounds: int) -> int:
    """Return the most streams of which every round, after one that warms up, keeps a deadline; 0 for none."""
    best = 0
    for count in counts:
        round_ms(count)
        if max(round_ms(count) for _ in range(rounds)) > deadline_ms:
            break
        best = count
    return best


def end_recordings(folder: Path, tokens: int) -> None:
    """Let every window of a recording have so many tokens, where the weights are ours."""
    wording = Wording(folder, GREEDY, read_checkpoint(folder))
    told = len(wording.order(_noise(0)).told)
    random_weights.end_at(folder, told + tokens - 1, wording.marks.end)


def seconds_per_second(folder: Path, device: Device, operations: Operations, slots: int, rounds: int) -> float:
    """Return how many seconds of recordings are transcribed in one, as the product does it: windows of 30 s in slots.

    Args:
        folder: Of the model.
        device: Where.
        operations: Of the token step.
        slots: Windows side by side.
        rounds: So many windows for each slot, after one that warms up.
    """
    with closing(
        CudaBatchRecognizer(folder, Context.PADDED, GREEDY, device, slots=slots, operations=operations)
    ) as ours:

        def transcribe(windows: int) -> None:
            for answer in [ours.submit(_noise(number)) for number in range(windows)]:
                answer.result()

        transcribe(slots)
        return slots * rounds * WINDOW_S * 1000 / wall_ms(lambda: transcribe(slots * rounds))


def _noise(number: int) -> Window:
    length = samples(WINDOW_S)
    sound = 0.1 * np.random.default_rng(number % 8).standard_normal(length, np.float32)
    return Window(sound, number * length, language=ENGLISH)


def ready_s(folder: Path, context: Context, *, rehearse: bool) -> float:
    """Return the time from a program's start to its first text, with everything captured.

    Raises:
        RuntimeError: It ended before.
    """
    folder_bytes = (folder / "model.bin").read_bytes() if (folder / "model.bin").exists() else b""
    del folder_bytes  # the pages of the file stay
    command = [sys.executable, "-m", "tests.benchmarks.gpu_ready", str(folder), context.name]
    began = time.perf_counter()
    with subprocess.Popen([*command, *["--rehearse"] * rehearse], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.strip() == READY:
                took_s = time.perf_counter() - began
                child.wait()
                return took_s
    raise RuntimeError(f"it ended with {child.returncode} before it was ready")

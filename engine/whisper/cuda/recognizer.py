"""Whisper on a GPU, for live captions: the same protocol as `engine.whisper.cpu`, everything captured, one late read.

    sound → log-mel → encoder → memory                        a graph for each second of length
    what is told and a draft of what comes → first token      a graph for each length
    steps, as many as are probably needed                     one graph
    alignment, probabilities → host                           a graph for each length, and the read

The host launches all of it without waiting and reads once. If the text had not ended by then, more steps follow, in
rounds whose flags are read one round late, and the alignment again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from engine.records import Hypothesis, Window
from engine.settings import EngineSettings
from engine.units import SAMPLE_RATE, WINDOW_S, samples
from engine.whisper.cuda.decoding.alignment import Aligned, Alignment
from engine.whisper.cuda.decoding.detection import Detection
from engine.whisper.cuda.decoding.draft import Draft
from engine.whisper.cuda.decoding.orders import Order
from engine.whisper.cuda.decoding.rules import Rules
from engine.whisper.cuda.decoding.search import ROUND, TOLD, Search
from engine.whisper.cuda.decoding.wording import Wording
from engine.whisper.cuda.device.protocol import Device
from engine.whisper.cuda.kernels.operations import PLAIN, Operations
from engine.whisper.cuda.model.layers import Linear
from engine.whisper.cuda.model.weights import read_checkpoint
from engine.whisper.cuda.model.whisper import Whisper
from engine.whisper.cuda.sound.encoding import STEP, Encoding
from engine.whisper.cuda.sound.way import Sound
from engine.whisper.recognizer import Context

USUAL_TOKENS_PER_SECOND = 4  # of speech that is fluent; the steps that are launched before the first look


@dataclass(frozen=True, slots=True)
class _Decoder:
    """One width of the search, and what belongs to it."""

    search: Search
    alignment: Alignment
    detection: Detection


@dataclass(slots=True)
class Counts:
    """What decoding took so far.

    Attributes:
        decoded: Texts.
        steps: Of the decoder that were launched, a token each.
        reads: How often the host waited for the device.
        written: Tokens that were written.
        drafted: Tokens that were drafted.
        accepted: Of these, what stood.
    """

    decoded: int = 0
    steps: int = 0
    reads: int = 0
    written: int = 0
    drafted: int = 0
    accepted: int = 0


class CudaRecognizer:
    """A Whisper model on a device.

    Args:
        folder: A model in CTranslate2's format or in Hugging Face's, with `tokenizer.json`.
        context: What its encoder needs to see.
        settings: Beam, task and vocabulary are taken from here; an English-only model always transcribes.
        device: Where it computes.
        operations: Of the token step: the kernels on a GPU.
        precise: See `Whisper`.
        drafts: Whether what was heard before is tried first; it changes the time that greedy search takes, and no text.

    Raises:
        SettingsError: The vocabulary does not fit.
        ModelCorrupt: The folder holds no readable model.
        DeviceError: The device failed, or has not enough memory.
    """

    fallback: ClassVar[str] = ""

    def __init__(
        self,
        folder: Path,
        context: Context,
        settings: EngineSettings,
        device: Device,
        *,
        operations: Operations = PLAIN,
        precise: Callable[[str, Linear], Linear] | None = None,
        drafts: bool = True,
    ) -> None:
        self.context = context
        self._device = device
        checkpoint = read_checkpoint(folder)
        self._wording = Wording(folder, settings, checkpoint)
        self.languages = self._wording.languages
        with device.compute():
            self._rules = Rules(self._wording.marks, checkpoint.dims.vocabulary, device.place)
            self._model = Whisper(checkpoint, device.place, device.dtype, operations=operations, precise=precise)
        self._sound = Sound(device, checkpoint.dims.mels)
        self._encoding = Encoding(self._model, device, context, self._sound.prepare)
        self._greedy = self._decoder(1)
        self._wide = self._decoder(settings.beam) if settings.beam > 1 else self._greedy
        self._draft = Draft() if drafts else None
        self.counts = Counts()

    def prepare(self, longest_s: float = WINDOW_S, tokens: int = 256) -> None:
        """Capture what windows and texts up to a length need, so that no update of those has to. Takes its time.

        Args:
            longest_s: Of a window.
            tokens: Prompt, opening, prefix and draft, or opening, text and end.
        """
        for positions in range(STEP, self._encoding.shown(samples(longest_s)) + 1, STEP):
            self._encoding.prepare(positions)
        for decoder in {id(each): each for each in (self._greedy, self._wide)}.values():
            decoder.search.prepare(tokens)
            for length in TOLD[: TOLD.index(min(size for size in TOLD if size >= tokens)) + 1]:
                decoder.alignment.prepare(length)

    def recognize(self, window: Window) -> Hypothesis:
        """Return what is said in the window after its prefix.

        Raises:
            DeviceError: The device failed, or has no memory left.
        """
        window = replace(window, samples=window.samples[: samples(WINDOW_S)])
        positions = self._encoding.shown(len(window.samples))
        self._encoding.prepare(positions)
        self._sound.hear(window, positions)
        self._encoding.encode(positions)
        hypothesis = self._decode(window, terms=True)
        return self._decode(window, terms=False) if self._wording.parroted(hypothesis) else hypothesis

    def _decode(self, window: Window, *, terms: bool) -> Hypothesis:
        """Decode what was encoded."""
        decoder = self._wide if window.thorough else self._greedy
        draft = self._draft.tokens(window) if self._draft and decoder is self._greedy else []
        order = self._wording.order(window, terms=terms, draft=draft)
        aligned = self._aligned(decoder, order, self._steps(window, draft), detect=self._wording.detects(window))
        hypothesis, words = self._wording.hypothesis(window, aligned)
        if self._draft:
            self._draft.remember(words)
        counts = self.counts
        counts.decoded += 1
        counts.written += aligned.written
        counts.drafted += len(draft)
        counts.accepted += aligned.accepted
        return hypothesis

    def _aligned(self, decoder: _Decoder, order: Order, steps: int, *, detect: bool) -> Aligned:
        """Launch everything, and read it once, or again where the text had not ended."""
        search = decoder.search
        with self._device.compute(search.tell(order)):
            if detect:
                decoder.detection.detect()
            search.enter()
            search.advance(steps)
        aligned = self._read(decoder, order, steps)
        if not aligned.finished:
            more = search.finish()
            self.counts.reads += more // ROUND - 1
            steps += more
            aligned = self._read(decoder, order, steps)
        self.counts.steps += steps
        return aligned

    def _read(self, decoder: _Decoder, order: Order, steps: int) -> Aligned:
        self.counts.reads += 1
        return Alignment.read(decoder.alignment.fetch(order, steps), self._wording.opening)

    def _steps(self, window: Window, draft: list[int]) -> int:
        """Return in how many steps the text has probably ended."""
        known = window.prefix[-1].stop if window.prefix else window.start
        if draft and self._draft:
            known = max(known, min(self._draft.stop, window.stop))
        return ROUND + USUAL_TOKENS_PER_SECOND * max(0, window.stop - known) // SAMPLE_RATE

    def _decoder(self, beams: int) -> _Decoder:
        model, device, memory, wording = self._model, self._device, self._encoding.memories[0], self._wording
        search = Search(model, device, self._rules, memory, beams=beams)
        detection = Detection(model, device, search, memory, wording)
        language = detection.spoken, detection.share
        alignment = Alignment(model, device, search, memory, end=wording.marks.end, language=language)
        return _Decoder(search, alignment, detection)

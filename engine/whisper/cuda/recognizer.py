"""Whisper on a GPU, for live captions: the same protocol as `engine.whisper.cpu`, everything captured, one late read.

    sound → log-mel → encoder → memory                        a graph for each second of length
    what is told and a draft of what comes → first token      a graph for each length
    steps, as many as are probably needed                     one graph
    alignment, probabilities → host                           a graph for each length, and the read

The host launches all of it without waiting and reads once. If the text had not ended by then, more steps follow, in
rounds whose flags are read one round late, and the alignment again.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from engine.errors import ModelCorrupt
from engine.records import Hypothesis, Window, Word
from engine.settings import AUTO, ENGLISH, TRANSLATE, EngineSettings
from engine.units import SAMPLE_RATE, SAMPLES_PER_POSITION, WINDOW_S, samples
from engine.whisper.cuda.alignment import Aligned, Alignment
from engine.whisper.cuda.device import Device, Graph
from engine.whisper.cuda.draft import Draft
from engine.whisper.cuda.encoding import STEP, Encoding
from engine.whisper.cuda.layers import Linear
from engine.whisper.cuda.model import Whisper
from engine.whisper.cuda.operations import PLAIN, Operations
from engine.whisper.cuda.rules import Marks, Rules, likeliest
from engine.whisper.cuda.search import ROUND, Order, Search
from engine.whisper.cuda.sound import Sound
from engine.whisper.cuda.weights import Checkpoint, read_checkpoint
from engine.whisper.prompt import Prompt
from engine.whisper.recognizer import Context
from engine.whisper.tokenizer import LANGUAGES, Tokenizer

TOKENS_PER_SECOND = 9  # nobody speaks faster; more is a loop
USUAL_TOKENS_PER_SECOND = 4  # of speech that is fluent; the steps that are launched before the first look
SPARE_TOKENS = 12
AHEAD = 25  # positions behind the window, 0.5 s of silence, that a cut word may attend to
MULTILINGUAL = 51865  # tokens; a smaller vocabulary is that of an English-only model


@dataclass(frozen=True, slots=True)
class _Decoder:
    """One width of the search, and what belongs to it."""

    search: Search
    alignment: Alignment
    language: Graph | None


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
        self._translates = settings.task == TRANSLATE
        self._tokenizer = Tokenizer(folder)
        self._prompt = Prompt(self._tokenizer, settings.vocabulary)
        checkpoint = read_checkpoint(folder)
        self._multilingual = checkpoint.dims.vocabulary >= MULTILINGUAL
        self.languages = LANGUAGES if self._multilingual else (ENGLISH,)
        self._rules = Rules(marks(self._tokenizer, checkpoint), checkpoint.dims.vocabulary, device.place)
        with device.compute():
            self._model = Whisper(checkpoint, device.place, device.dtype, operations=operations, precise=precise)
            self._spoken = torch.zeros(1, dtype=torch.int64, device=device.place)
            self._share = torch.ones(1, device=device.place)
            self._codes = languages(self._tokenizer)
            self._languages = torch.tensor(sorted(self._codes), dtype=torch.int64, device=device.place)
        self._sound = Sound(device, checkpoint.dims.mels)
        self._encoding = Encoding(self._model, device, context, self._sound.prepare)
        self._greedy = self._decoder(1)
        self._wide = self._decoder(settings.beam) if settings.beam > 1 else self._greedy
        self._draft = Draft() if drafts else None
        self.counts = Counts()

    def prepare(self, longest_s: float = WINDOW_S) -> None:
        """Capture what windows up to so many seconds need, so that no update has to. Takes its time."""
        last = self._encoding.shown(samples(longest_s))
        for positions in range(self._encoding.shown(0), last + 1, STEP):
            self._encoding.prepare(positions)

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
        words = self._decode(window, terms=True)
        if self._prompt.parroted(words.words):
            words = self._decode(window, terms=False)
        return words

    def _decode(self, window: Window, *, terms: bool) -> Hypothesis:
        """Decode what was encoded."""
        greedy = not window.thorough or self._wide is self._greedy
        prefix = self._tokenizer.encode("".join(word.text for word in window.prefix))
        prompt = self._prompt.tokens(window.prompt, terms=terms)
        opening = self._opening(window.language)
        draft = self._draft.tokens(window) if self._draft and greedy else []
        longest = SPARE_TOKENS + TOKENS_PER_SECOND * len(window.samples) // SAMPLE_RATE
        order = Order(
            [*prompt, *opening, *prefix],
            opening=len(prompt),
            longest=max(1, min(longest, self._model.dims.tokens // 2 - len(prefix))),
            draft=draft,
            heard=len(window.samples) // SAMPLES_PER_POSITION + AHEAD,
        )
        detect = self._multilingual and window.language == AUTO
        decoder = self._greedy if greedy else self._wide
        aligned = self._aligned(decoder, order, len(opening), self._steps(window), detect=detect)
        self.counts.decoded += 1
        self.counts.written += aligned.written
        self.counts.drafted += len(draft)
        self.counts.accepted += min(aligned.accepted, aligned.written)
        language = (
            self._codes.get(aligned.language, ENGLISH) if detect else window.language if self._multilingual else ENGLISH
        )
        return self._hypothesis(window, aligned, language, aligned.certainty if detect else 1.0)

    def _aligned(self, decoder: _Decoder, order: Order, opening: int, steps: int, *, detect: bool) -> Aligned:
        """Launch everything, and read it once, or again where the text had not ended."""
        search = decoder.search
        told = search.tell(order)
        with self._device.compute(told):
            if detect and decoder.language:
                decoder.language.replay()
            search.enter()
        search.advance(steps)
        aligned = self._read(decoder, order, steps, opening)
        if not aligned.finished:
            more = search.finish()
            self.counts.reads += more // ROUND - 1
            steps += more
            aligned = self._read(decoder, order, steps, opening)
        self.counts.steps += steps
        return aligned

    def _read(self, decoder: _Decoder, order: Order, steps: int, opening: int) -> Aligned:
        """Align what was written in so many steps, and wait for it."""
        self.counts.reads += 1
        longest = min(order.longest, len(order.draft) + 1 + steps)
        length = len(order.told) - order.opening + longest + 1
        heard = min(order.heard, self._model.dims.positions)
        return Alignment.read(decoder.alignment.fetch(length, heard, (self._spoken, self._share)), opening)

    def _steps(self, window: Window) -> int:
        """Return in how many steps the text has probably ended."""
        known = window.prefix[-1].stop if window.prefix else window.start
        if self._draft and not window.thorough:
            known = max(known, min(self._draft.stop, window.stop))
        return ROUND + USUAL_TOKENS_PER_SECOND * max(0, window.stop - known) // SAMPLE_RATE

    def _hypothesis(self, window: Window, aligned: Aligned, language: str, certainty: float) -> Hypothesis:
        words, units = (
            [],
            self._tokenizer.words(
                aligned.tokens[-aligned.written :] if aligned.written else [], ENGLISH if self._translates else language
            ),
        )
        at = len(aligned.tokens) - aligned.written
        new = aligned.probabilities[at:]
        for unit in units:
            after = at + len(unit.tokens)
            start, stop = (window.start + aligned.onsets[i] * SAMPLES_PER_POSITION for i in (at, after))
            words.append(Word(unit.text, start, stop, min(aligned.probabilities[at:after])))
            at = after
        if self._draft:
            self._draft.remember([(word, unit.tokens) for word, unit in zip(words, units, strict=True)])
        logprob = float(np.mean(np.log(np.maximum(new, 1e-10)))) if new else 0.0
        return Hypothesis(tuple(words), language, certainty, logprob, aligned.silence)

    def _opening(self, language: str) -> list[int]:
        """Return the tokens before the text; a language that is not known yet is put in on the device."""
        tokenizer = self._tokenizer
        if not self._multilingual:
            return [tokenizer.start, tokenizer.untimed]
        spoken = tokenizer.language(ENGLISH if language == AUTO else language)
        # Nobody trained a model to translate English into English: it is written as it is said.
        task = tokenizer.translate if self._translates and language != ENGLISH else tokenizer.transcribe
        return [tokenizer.start, spoken, task, tokenizer.untimed]

    def _decoder(self, beams: int) -> _Decoder:
        model, device, memory = self._model, self._device, self._encoding.memory
        search = Search(model, device, self._rules, memory, beams=beams)
        alignment = Alignment(model, device, search, memory, self._tokenizer.end)
        with device.compute():
            start = torch.full((1, 1), self._tokenizer.start, dtype=torch.int64, device=device.place)
            tasks = [self._tokenizer.transcribe, self._tokenizer.translate]
            english, task = self._tokenizer.language(ENGLISH), torch.tensor(tasks, device=device.place)
            first = torch.zeros(1, dtype=torch.int64, device=device.place)
            cache = model.cache(1)

        def detect() -> None:
            """Hear which language is spoken, and put it and the task into what is told."""
            hidden, _ = model.read(start, first, cache, memory)
            token, share = likeliest(model.logits(hidden[:, 0]), self._languages)
            self._spoken.copy_(token)
            self._share.copy_(share)
            search.told[0].index_copy_(0, search.opening + 1, token)
            translated = (token != english) & self._translates
            search.told[0].index_copy_(0, search.opening + 2, task[translated.to(torch.int64)])

        return _Decoder(search, alignment, device.capture("language", detect) if self._multilingual else None)


def marks(tokenizer: Tokenizer, checkpoint: Checkpoint) -> Marks:
    """Return the tokens that the rules of a model speak of."""
    never = (*checkpoint.suppressed, *tokenizer.never)
    return Marks(tokenizer.end, tokenizer.untimed, tokenizer.no_speech, never, tokenizer.blank)


def languages(tokenizer: Tokenizer) -> dict[int, str]:
    """Return the ISO 639-1 code of each token of a language that a model knows."""
    known = {}
    for code in LANGUAGES:
        with suppress(ModelCorrupt):  # yue came with large-v3
            known[tokenizer.language(code)] = code
    return known

"""Whisper on the processor: CTranslate2, int8, one thin layer over `ctranslate2.models.Whisper`.

The only file that knows CTranslate2. faster_whisper's `transcribe` is not used: it pads and decodes again.

One update is encode → generate → align. Names, terms and the text before the window go in as previous-text prompt
(one batched pass); the committed words inside the window as a forced prefix (one decode step each); `align` then tells
when each word was said (cross-attention and dynamic time warping, openai/whisper `timing.py`).

A translation is aligned in the same way. Its words stand in the order of another language, and the warping only goes
forwards: their times are rough, right for a sentence and often a second off for a word.
"""

import ctypes
import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import ClassVar

import ctranslate2
import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelCorrupt, ModelTooLarge, OutOfMemory
from engine.records import Hypothesis, Samples, Window, Word
from engine.settings import AUTO, ENGLISH, TRANSLATE, EngineSettings
from engine.units import SAMPLES_PER_POSITION, WINDOW_S, samples
from engine.whisper.features import log_mel
from engine.whisper.prompt import Prompt
from engine.whisper.recognizer import Context
from engine.whisper.tokenizer import LANGUAGES, Tokenizer

# Windows are encoded in steps of this length. oneDNN keeps what it prepares for each shape: over 320 windows of any
# length the process grew by 180 MB and went on growing, with these steps by 34 MB and no more.
ENCODED = samples(0.5)
TOKENS_PER_SECOND = 9  # nobody speaks faster; more is a loop
SPARE_TOKENS = 12
AHEAD = 25  # positions behind the window, 0.5 s of silence, that a cut word may attend to


def _threads(context: Context) -> int:
    """One thread is enough for a short window; a padded one takes what leaves the window and the sound a core."""
    return 1 if context.least_s < WINDOW_S else max(1, min(4, (os.cpu_count() or 2) - 1))


@cache
def tune_allocator() -> None:
    """Keep big blocks in the heap: page faults on the attention matrices are a third of a 30 s encode on glibc.

    Must run before CTranslate2 starts its threads. Does nothing where the C library is another.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(-4, 0)  # M_MMAP_MAX: no block gets a mapping of its own
        mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: freed memory is kept
        mallopt(-8, 1)  # M_ARENA_MAX: one heap, so that it is kept once


@cache
def widen_vectors() -> None:
    """Let CTranslate2 use AVX-512 on AMD, where it takes AVX2 by itself: encoding is 10 to 15 % faster.

    Must run before the first model is loaded. It would refuse to load where the processor lacks the instructions.
    """
    try:
        about = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return  # not Linux, or not to be seen
    if "AuthenticAMD" in about and set(about.split()) >= {"avx512f", "avx512cd", "avx512vl", "avx512dq", "avx512bw"}:
        os.environ.setdefault("CT2_FORCE_CPU_ISA", "AVX512")


class CpuRecognizer:
    """A Whisper model in CTranslate2's format, int8 on the processor.

    Args:
        folder: `config.json`, `model.bin`, `tokenizer.json` and a vocabulary.
        context: What the model's encoder needs to see.
        settings: Threads, beam, task and vocabulary are taken from here; an English-only model always transcribes.
        searches: How many threads may use it at the same time, and how many cores each of them takes.

    Raises:
        SettingsError: The vocabulary does not fit.
        ModelCorrupt: The folder holds no readable model.
        ModelTooLarge: It does not fit into memory.
    """

    fallback: ClassVar[str] = ""

    def __init__(
        self, folder: Path, context: Context, settings: EngineSettings, *, searches: tuple[int, int] | None = None
    ) -> None:
        tune_allocator()
        widen_vectors()
        self.context = context
        self._beam = settings.beam
        self._translates = settings.task == TRANSLATE
        self._tokenizer = Tokenizer(folder)
        self._prompt = Prompt(self._tokenizer, settings.vocabulary)
        at_once, cores = searches or (1, settings.threads or _threads(context))
        try:
            self._model = ctranslate2.models.Whisper(
                str(folder),
                device="cpu",
                compute_type="int8",
                inter_threads=at_once,
                intra_threads=cores,
            )
        except MemoryError as error:
            raise ModelTooLarge(f"{folder.name} does not fit into memory", hint="Choose a smaller model.") from error
        except (RuntimeError, ValueError, IndexError) as error:
            raise ModelCorrupt(f"{folder} cannot be loaded: {error}", hint="Fetch the model again.") from error
        self._silence: NDArray[np.float32] | None = None
        if context.filled:
            self._silence = self._encoded_silence()
        self.languages = LANGUAGES if self._model.is_multilingual else (ENGLISH,)

    def recognize(self, window: Window) -> Hypothesis:
        """Return what is said in the window after its prefix.

        Raises:
            OutOfMemory: There is no memory left.
        """
        try:
            return self._recognize(window)
        except MemoryError as error:
            raise OutOfMemory("no memory left to decode", hint="Choose a smaller model.") from error

    def _recognize(self, window: Window) -> Hypothesis:
        encoded = self._encode(window)
        language, certainty = self._language(encoded, window.language)
        prompt = self._prompt.tokens(window.prompt)
        hypothesis = self._decode(encoded, window, prompt, language, certainty)
        if self._prompt.parroted(hypothesis.words):
            prompt = self._prompt.tokens(window.prompt, terms=False)
            hypothesis = self._decode(encoded, window, prompt, language, certainty)
        return hypothesis

    def _decode(
        self, encoded: ctranslate2.StorageView, window: Window, prompt: list[int], language: str, certainty: float
    ) -> Hypothesis:
        prefix = self._tokenizer.encode("".join(word.text for word in window.prefix))
        opening = self._opening(language)
        result = self._model.generate(
            encoded,
            [[*prompt, *opening, self._tokenizer.untimed, *prefix]],
            beam_size=self._beam if window.thorough else 1,
            max_length=max_length(len(prompt) + len(opening) + 1, len(prefix), len(window.samples)),
            sampling_temperature=0,
            return_no_speech_prob=True,
        )[0]
        return self._hypothesis(encoded, window, (language, certainty), prefix, result)

    def _hypothesis(
        self,
        encoded: ctranslate2.StorageView,
        window: Window,
        language: tuple[str, float],
        prefix: list[int],
        result: ctranslate2.models.WhisperGenerationResult,
    ) -> Hypothesis:
        """Return what a search found after the prefix, with word times."""
        tokens = [token for token in result.sequences_ids[0][len(prefix) :] if token < self._tokenizer.end]
        if not tokens:
            return Hypothesis((), *language, 0.0, result.no_speech_prob)
        words, logprob = self._words(encoded, window, language[0], prefix, tokens)
        return Hypothesis(words, *language, logprob, result.no_speech_prob)

    def _encode(self, window: Window) -> ctranslate2.StorageView:
        encoded = self._encoded(window.samples[: samples(WINDOW_S)], self._shown(window))
        return encoded if self._silence is None else _filled(encoded, self._silence)

    def _encoded_silence(self) -> NDArray[np.float32]:
        """Return what the encoder makes of 30 s in which there is nothing: [1, 1500, n]."""
        return np.array(self._encoded(np.zeros(0, np.float32), samples(WINDOW_S)))

    def _shown(self, window: Window) -> int:
        """Return how much sound is encoded: the window, and silence."""
        shown = max(len(window.samples) + samples(self.context.margin_s), samples(self.context.least_s))
        return min(-(-shown // ENCODED) * ENCODED, samples(WINDOW_S))

    def _encoded(self, sound: Samples, shown: int) -> ctranslate2.StorageView:
        """Return what the encoder makes of sound, with silence behind it to the length `shown`."""
        padded = np.zeros(-(-shown // SAMPLES_PER_POSITION) * SAMPLES_PER_POSITION, np.float32)
        padded[: len(sound)] = sound
        mel = log_mel(padded, self._model.n_mels)
        return self._model.encode(ctranslate2.StorageView.from_array(mel[None]))

    def _language(self, encoded: ctranslate2.StorageView, wanted: str) -> tuple[str, float]:
        if not self._model.is_multilingual:
            return ENGLISH, 1.0
        if wanted != AUTO:
            return wanted, 1.0
        token, probability = self._model.detect_language(encoded)[0][0]
        return token.strip("<|>"), probability

    def _opening(self, language: str) -> list[int]:
        tokenizer = self._tokenizer
        if not self._model.is_multilingual:
            return [tokenizer.start]
        # Nobody trained a model to translate English into English: it is written as it is said.
        task = tokenizer.translate if self._translates and language != ENGLISH else tokenizer.transcribe
        return [tokenizer.start, tokenizer.language(language), task]

    def _words(
        self,
        encoded: ctranslate2.StorageView,
        window: Window,
        language: str,
        prefix: list[int],
        tokens: list[int],
    ) -> tuple[tuple[Word, ...], float]:
        """Return the new tokens as words with times, and their mean log-probability.

        A word that the window cuts attends to the silence behind it: its end then lies up to half a second behind the
        window. That tells it from one that has just ended, which the edge itself would not (premature words among
        those that end at the edge: half as many).
        """
        positions = len(window.samples) // SAMPLES_PER_POSITION + AHEAD
        result = self._model.align(encoded, self._opening(language), [[*prefix, *tokens]], [2 * positions])[0]
        onsets = _onsets(result.alignments, len(prefix) + len(tokens), positions)
        probabilities = result.text_token_probs
        words = []
        at = len(prefix)
        for word in self._tokenizer.words(tokens, ENGLISH if self._translates else language):
            after = at + len(word.tokens)
            start, stop = (window.start + onsets[i] * SAMPLES_PER_POSITION for i in (at, after))
            words.append(Word(word.text, start, stop, float(np.min(probabilities[at:after]))))
            at = after
        return tuple(words), float(np.mean(np.log(np.maximum(probabilities[len(prefix) :], 1e-10))))


def _filled(encoded: ctranslate2.StorageView, silence: NDArray[np.float32]) -> ctranslate2.StorageView:
    """Put what the encoder makes of silence behind what it made of sound, place for place: [1, 1500, n]."""
    heard = np.asarray(encoded)
    return ctranslate2.StorageView.from_array(np.concatenate([heard, silence[:, heard.shape[1] :]], axis=1))


def _onsets(alignment: Sequence[tuple[int, int]], n_tokens: int, positions: int) -> list[int]:
    """Return at which encoder position each token begins, and where the last ends: [n_tokens + 1]."""
    onsets = [positions] * (n_tokens + 1)
    for token, position in reversed(alignment):
        onsets[min(token, n_tokens)] = position
    return onsets


def max_length(prompt: int, prefix: int, heard: int) -> int:
    """Return CTranslate2's `max_length`: it counts the prompt, and output ends at half of it as well."""
    output = prefix + SPARE_TOKENS + TOKENS_PER_SECOND * heard // samples(1)
    return min(448, max(2 * output, prompt + output))

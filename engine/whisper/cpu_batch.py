"""Whisper on the processor for whole recordings: many windows in one search, a core to each search.

A step of the search reads every weight of the decoder, however many windows it is for: eight in one search cost less
than half of eight by themselves (tiny.en, 30 s, beam 5: 334 against 687 ms a window). The encoder gains nothing from
company, and suffers: 435 against 292 ms, because its attention no longer fits into the caches. So each
window is encoded alone, the search takes all, and each is aligned alone.

Every core has a search of its own, so that nobody waits for another, and one may encode while another searches.
"""

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import ctranslate2
import numpy as np

from engine.errors import OutOfMemory
from engine.records import Hypothesis, Window
from engine.settings import EngineSettings
from engine.units import WINDOW_S, samples
from engine.whisper.cpu import ENCODED, CpuRecognizer, max_length
from engine.whisper.recognizer import Context

TOGETHER = 8  # windows in one search; sixteen took 9 % less time for twice what is kept of their encodings
# What the decoder keeps of one window's encoding (keys and values of every layer, float32) is by the published shapes
# 0.47 of the bytes of the int8 weights for tiny, 0.49 for base, 0.45 for small, 0.38 for medium.
KEPT = 0.5
SHARE = 0.25  # of the machine's memory that all searches together may take for that
FEW = 2 << 30  # bytes, where nobody knows how much memory there is
STEP = samples(2.0)  # short windows are shown sound in steps of so much: only what is alike is searched together
# A model that wants to see 30 s is content with the encoding of silence behind a window that is nearly as long: over
# seven talks base made 105 errors in 1219 words padded, and 106 filled so, for a tenth less time.
LONG = samples(15.0)
AFTER = samples(1.0)
LIKE = samples(10.0)  # others share a search with those of about their length, which write about as much


def shares(cores: int, weights: int, memory: int) -> tuple[int, int]:
    """Return how many searches go on at the same time, and how many windows are in one.

    Args:
        cores: That may be used.
        weights: Bytes of the model on disk.
        memory: Bytes of the machine.
    """
    fitting = max(1, int(SHARE * memory / max(1.0, KEPT * weights)))
    searches = min(cores, fitting)
    return searches, min(TOGETHER, fitting // searches)


def _weights(folder: Path) -> int:
    try:
        return (folder / "model.bin").stat().st_size
    except OSError:
        return 0  # loading it will say what is wrong


def _memory() -> int:
    if not hasattr(os, "sysconf"):
        return int(FEW / SHARE)
    return int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


@dataclass(eq=False)
class _Waiting:
    """A window and where its answer goes."""

    window: Window
    future: "Future[Hypothesis]" = field(default_factory=Future)


class CpuBatchRecognizer(CpuRecognizer):
    """A Whisper model in CTranslate2's format, int8, on several cores.

    Args:
        folder: As `CpuRecognizer`.
        context: What the model's encoder needs to see.
        settings: As `CpuRecognizer`; as many windows are searched at the same time as there are threads.

    Raises:
        SettingsError: The vocabulary does not fit.
        ModelCorrupt: The folder holds no readable model.
        ModelTooLarge: It does not fit into memory.
    """

    def __init__(self, folder: Path, context: Context, settings: EngineSettings) -> None:
        cores = settings.threads or os.cpu_count() or 1
        self._searches, self._together = shares(cores, _weights(folder), _memory())
        super().__init__(folder, context, settings, searches=(self._searches, cores // self._searches))
        self.ahead = 2 * self._together * self._searches
        self._pool = ThreadPoolExecutor(self._searches)
        self._lock = Lock()
        self._waiting: list[_Waiting] = []

    def submit(self, window: Window) -> "Future[Hypothesis]":
        """Take a window without a prefix, and return what will be said in it."""
        waiting = _Waiting(window)
        with self._lock:
            self._waiting.append(waiting)
        self._pool.submit(self._work)
        return waiting.future

    def close(self) -> None:
        """Give up what waits, and end."""
        with self._lock:
            self._waiting.clear()
        self._pool.shutdown(cancel_futures=True)

    def _work(self) -> None:
        """Hear what waits longest, with others of its kind."""
        batch = self._next()
        if not batch:
            return
        try:
            heard = self._recognize_all([waiting.window for waiting in batch])
        except MemoryError as error:
            failed = OutOfMemory("no memory left to decode", hint="Choose a smaller model.")
            failed.__cause__ = error
            for waiting in batch:
                waiting.future.set_exception(failed)
        except BaseException as error:  # noqa: BLE001  # whoever waits for the answer gets it, and raises it
            for waiting in batch:
                waiting.future.set_exception(error)
        else:
            for waiting, hypothesis in zip(batch, heard, strict=True):
                waiting.future.set_result(hypothesis)

    def _next(self) -> list[_Waiting]:
        """Take what is computed together; at the end nobody takes all and leaves the others idle."""
        with self._lock:
            if not self._waiting:
                return []
            kind = self._kind(self._waiting[0].window)
            alike = [waiting for waiting in self._waiting if self._kind(waiting.window) == kind]
            batch = alike[: min(self._together, -(-len(alike) // self._searches))]
            self._waiting = [waiting for waiting in self._waiting if waiting not in batch]
            return batch

    def _encode(self, window: Window) -> ctranslate2.StorageView:
        if self._shown(window) < samples(WINDOW_S) <= samples(self.context.least_s):
            with self._lock:
                if self._silence is None:
                    self._silence = self._encoded_silence()
        return super()._encode(window)

    def _shown(self, window: Window) -> int:
        shown = super()._shown(window)
        if self.context.least_s >= WINDOW_S and len(window.samples) >= LONG:
            return min(-(-(len(window.samples) + AFTER) // ENCODED) * ENCODED, shown)
        return shown if self.context.filled else min(-(-shown // STEP) * STEP, samples(WINDOW_S))

    def _kind(self, window: Window) -> int:
        """Return the longest that windows are which may share a search: they show the decoder as much sound."""
        if self.context.filled or self.context.least_s >= WINDOW_S:
            return -(-len(window.samples) // LIKE) * LIKE
        return self._shown(window)

    def _recognize_all(self, windows: Sequence[Window]) -> list[Hypothesis]:
        encoded = [self._encode(window) for window in windows]
        languages = [self._language(one, window.language) for one, window in zip(encoded, windows, strict=True)]
        heard = self._search(encoded, windows, languages, terms=True)
        again = [index for index, hypothesis in enumerate(heard) if self._prompt.parroted(hypothesis.words)]
        if again:
            plain = self._search(
                [encoded[i] for i in again], [windows[i] for i in again], [languages[i] for i in again], terms=False
            )
            for index, hypothesis in zip(again, plain, strict=True):
                heard[index] = hypothesis
        return heard

    def _search(
        self,
        encoded: Sequence[ctranslate2.StorageView],
        windows: Sequence[Window],
        languages: Sequence[tuple[str, float]],
        *,
        terms: bool,
    ) -> list[Hypothesis]:
        prompt = self._prompt.tokens("", terms=terms)
        openings = [self._opening(language) for language, _ in languages]
        results = self._model.generate(
            ctranslate2.StorageView.from_array(np.concatenate([np.asarray(one) for one in encoded])),
            [[*prompt, *opening, self._tokenizer.untimed] for opening in openings],
            beam_size=self._beam,
            max_length=max_length(len(prompt) + len(openings[0]) + 1, 0, self._kind(windows[0])),
            sampling_temperature=0,
            return_no_speech_prob=True,
        )
        return [
            self._hypothesis(one, window, language, [], result)
            for one, window, language, result in zip(encoded, windows, languages, results, strict=True)
        ]

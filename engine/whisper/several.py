"""Several recognisers of whole recordings as one, each on a processor of its own."""

from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from threading import Lock

from engine.records import Hypothesis, Window
from engine.whisper.batch import BatchRecognizer


class SeveralBatchRecognizer:
    """Hands every window to the one that has most room for it.

    Args:
        recognizers: Of the same model; they end with this one.
    """

    def __init__(self, recognizers: Sequence[BatchRecognizer]) -> None:
        self._recognizers = tuple(recognizers)
        self.context = self._recognizers[0].context
        self.languages = self._recognizers[0].languages
        self.ahead = sum(each.ahead for each in self._recognizers)
        self._lock = Lock()
        self._busy = [0] * len(self._recognizers)

    def submit(self, window: Window) -> Future[Hypothesis]:
        """Take a window without a prefix, and return what will be said in it."""
        with self._lock:
            at = min(range(len(self._busy)), key=lambda at: self._busy[at] / self._recognizers[at].ahead)
            self._busy[at] += 1
        future = self._recognizers[at].submit(window)
        future.add_done_callback(partial(self._free, at))
        return future

    def close(self) -> None:
        """Give up what waits, and end."""
        for recognizer in self._recognizers:
            recognizer.close()

    def _free(self, at: int, _future: Future[Hypothesis]) -> None:
        with self._lock:
            self._busy[at] -= 1

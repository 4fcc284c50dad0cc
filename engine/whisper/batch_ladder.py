"""Whole recordings go on when the processor under them fails, one rung lower; see `ladder`.

    many windows on the GPU → fewer → on the processor

What was under way is decoded again there: nothing is lost. Without a rung below, every window that waits is told how
the last one failed.
"""

import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar

from engine.errors import CudaUnavailable
from engine.records import Failure, Hypothesis, Window
from engine.whisper.batch import BatchRecognizer
from engine.whisper.ladder import LOST, PROCESSOR, Ladder, Lost, Rung


@dataclass(eq=False)
class _Asked:
    """A window, where its answer goes, and the rung that it was asked on."""

    window: Window
    future: "Future[Hypothesis]" = field(default_factory=Future)
    rung: Rung[BatchRecognizer] | None = None


class LadderBatchRecognizer(Ladder[BatchRecognizer]):
    """Recognises many windows at a time, on the first rung that works.

    Args:
        rungs: The best first.
        tell: Takes what a person should know, once a change.
        lost: The processors that failed.

    Raises:
        EngineError: No rung can be loaded; what was wrong with the last one.

    Thread:
        One of its own hands windows out and changes the rung; `submit` and `close` are called by one other.
    """

    now: ClassVar[str] = "recordings now go through"

    def __init__(
        self, rungs: Sequence[Rung[BatchRecognizer]], tell: Callable[[Failure], None], *, lost: Lost = LOST
    ) -> None:
        self._under_way: dict[Future[Hypothesis], _Asked] = {}
        self._pool = ThreadPoolExecutor(1)
        super().__init__(rungs, tell, lost=lost)
        recognizer = self._loaded()
        self.context, self.languages, self.ahead = recognizer.context, recognizer.languages, recognizer.ahead

    def submit(self, window: Window) -> "Future[Hypothesis]":
        """Take a window without a prefix, and return what will be said in it."""
        asked = _Asked(window)
        self._pool.submit(self._ask, asked)
        return asked.future

    def close(self) -> None:
        """Give up what waits, and end."""
        self._pool.submit(self._end)
        self._pool.shutdown()

    def _ask(self, asked: _Asked) -> None:
        asked.rung = self.rung
        try:
            self._skip_lost()
            asked.rung = self.rung
            future = self._loaded().submit(asked.window)
        except BaseException as error:  # noqa: BLE001  # as an answer that is one
            self._failed(asked, error)
            return
        self._under_way[future] = asked
        future.add_done_callback(self._came)

    def _came(self, future: "Future[Hypothesis]") -> None:
        """Go on with an answer on the own thread: this one may belong to what has failed."""
        with suppress(RuntimeError):  # it was closed meanwhile
            self._pool.submit(self._answer, future)

    def _answer(self, future: "Future[Hypothesis]") -> None:
        asked = self._under_way.pop(future, None)
        if asked is None:
            return
        try:
            asked.future.set_result(future.result())
        except Exception as error:  # noqa: BLE001  # whatever a GPU's engine trips over, the recordings can go on
            self._failed(asked, error)

    def _failed(self, asked: _Asked, error: BaseException) -> None:
        """Step down, unless somebody did since this was asked, and ask again."""
        try:
            if asked.rung is self.rung:
                self._step_down(error)
        except BaseException as final:  # noqa: BLE001  # as above
            asked.future.set_exception(final)
            return
        self._ask(asked)

    def _step_down(self, error: BaseException) -> None:
        if not isinstance(error, Exception):
            raise error
        fault = self._fault(error)
        if not self._has_next():
            if self.rung.processor == PROCESSOR:
                raise error
            raise CudaUnavailable(fault.sentence, hint=fault.hint) from error
        failed = self._recognizer
        if failed is not None:
            failed.close()  # all that it has under way fails now
        self._forget(error)
        for future in self._under_way:
            if future.done() and not future.cancelled() and (other := future.exception()):
                self._forget(other)
        del failed
        self._leave()
        self.ahead = self._on_a_rung(lambda recognizer: recognizer.ahead, fault)

    def _end(self) -> None:
        under_way, self._under_way = self._under_way, {}
        for asked in under_way.values():
            asked.future.cancel()
        if self._recognizer is not None:
            self._recognizer.close()

    @staticmethod
    def _forget(error: BaseException | None) -> None:
        """Let go of what an error's past holds: the memory that ran out."""
        while error is not None:
            traceback.clear_frames(error.__traceback__)
            error.__traceback__ = None  # its frames know who called them
            error = error.__cause__ or error.__context__

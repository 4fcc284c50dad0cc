"""A recogniser that steps down when the processor under it fails, so that captions go on.

    the model on the GPU → the same in 8 bits → a smaller one → on the processor

The window that failed is decoded again one rung lower: nothing that was said is lost. Where memory ran out, the next
rung is tried, wherever it computes; a GPU that failed is never used again in this process. A person is told once for
each change, when there are captions again. Nothing climbs back: who wants the GPU again starts again.
"""

import gc
import logging
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from engine.errors import CudaUnavailable, DeviceError, EngineError, ModelTooLarge, OutOfMemory
from engine.records import Failure, Hypothesis, Window
from engine.whisper.recognizer import Context, Recognizer

PROCESSOR = "the processor"
GRAPHICS_CARD = "the graphics card"

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Rung(Generic[_R]):
    """One way to recognise.

    Attributes:
        name: The model, for a person: "tiny.en", "tiny.en in 8 bits".
        processor: Where it computes, for a person; when it fails, so has every rung on it.
        load: Returns a recogniser that is ready: loaded, warm, and tested.
    """

    name: str
    processor: str
    load: Callable[[], _R]

    def __str__(self) -> str:
        return f"{self.name} on {self.processor}"


class Lost:
    """The processors that failed, and how. A failed context is the process's, so this is kept once for all ladders.

    What was loaded onto one is kept as well, and not used: freeing it would call into what failed.
    """

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}
        self._kept: list[object] = []

    def add(self, processor: str, reason: str, recognizer: object | None) -> None:
        """Never use a processor again."""
        self._reasons.setdefault(processor, reason)
        if recognizer is not None:
            self._kept.append(recognizer)

    def reason(self, processor: str) -> str:
        """Return how a processor failed; nothing where it is good."""
        return self._reasons.get(processor, "")


LOST = Lost()


@dataclass(frozen=True, slots=True)
class _Fault:
    """What happened on a rung, without the exception: its traceback would keep the rung's memory."""

    kind: str
    sentence: str
    hint: str


class Ladder(Generic[_R]):
    """Recognisers of one kind, of which the first that works is used.

    Args:
        rungs: The best first.
        tell: Takes what a person should know, once a change, on the thread that found it.
        demanded: So many rungs, from the first, will do to begin with; the others are for later. None: all of them.
        lost: The processors that failed.

    Raises:
        EngineError: No rung that will do can be loaded; what was wrong with the last one.
    """

    now: ClassVar[str] = "captions now come from"

    def __init__(
        self,
        rungs: Sequence[Rung[_R]],
        tell: Callable[[Failure], None],
        *,
        demanded: int | None = None,
        lost: Lost = LOST,
    ) -> None:
        self._rungs = tuple(rungs)
        self._tell = tell
        self._lost = lost
        self._at = 0
        self._last = (demanded or len(self._rungs)) - 1
        self._recognizer: _R | None = None
        self._on_a_rung(lambda _recognizer: None)
        self._last = len(self._rungs) - 1

    @property
    def rung(self) -> Rung[_R]:
        """The rung in use."""
        return self._rungs[self._at]

    @property
    def fallback(self) -> str:
        """What captions come from instead of the first rung, "tiny.en on the processor"; nothing while that works."""
        return str(self.rung) if self._at else ""

    def _on_a_rung(self, act: Callable[[_R], _T], first: "_Fault | None" = None) -> _T:
        """Return what is done with the first recogniser that does it, and tell if it is not the one before.

        Args:
            act: What is done.
            first: What happened on the rung before, if that was left.
        """
        self._skip_lost()
        while True:
            try:
                result = act(self._loaded())
                break
            except Exception as error:  # whatever a GPU's engine trips over, captions can go on
                fault = self._fault(error)
                if not self._has_next():
                    raise
            first = first or fault
            self._leave()
        if first is not None:
            self._settle(first)
        return result

    def _loaded(self) -> _R:
        if self._recognizer is None:
            self._recognizer = self.rung.load()
            _LOG.info("computing with %s", self.rung)
        return self._recognizer

    def _fault(self, error: Exception) -> _Fault:
        """Return what an error is for this rung.

        Raises:
            Exception: It is none of the rung's, and would come again on the next: a model or a setting is wrong.
        """
        rung, kind, reason = self.rung, type(error).__name__, _reason(error)
        if isinstance(error, OutOfMemory | ModelTooLarge):
            _LOG.warning("%s: %s", rung, reason)
            hint = "Close other programs that use it, or choose a smaller model."
            return _Fault(kind, f"{rung.processor} ran out of memory", hint)
        if not isinstance(error, DeviceError) and (isinstance(error, EngineError) or rung.processor == PROCESSOR):
            raise error
        # Types and places only: the words of an error that nobody foresaw may quote what was said.
        _LOG.warning("%s: %s\n%s", rung, reason, "".join(traceback.format_tb(error.__traceback__)))
        if isinstance(error, CudaUnavailable) or not isinstance(error, EngineError):
            self._lost.add(rung.processor, reason, self._recognizer)
        return _Fault(kind, f"{rung.processor} failed", f"{_capital(reason)}. Start Undertext again to use it.")

    def _has_next(self) -> bool:
        return any(not self._lost.reason(rung.processor) for rung in self._rungs[self._at + 1 : self._last + 1])

    def _leave(self) -> None:
        """Go to the next rung; the memory of this one is free before that one asks for its own."""
        self._recognizer = None
        gc.collect()
        self._at += 1
        self._skip_lost()

    def _skip_lost(self) -> None:
        """Go on to a rung whose processor is good."""
        while reason := self._lost.reason(self.rung.processor):
            if not self._has_next():
                raise CudaUnavailable(reason, hint="Start Undertext again to use it, or choose --device cpu.")
            self._recognizer = None
            self._at += 1

    def _settle(self, fault: _Fault) -> None:
        """There are captions again: tell what has changed."""
        message = f"{fault.sentence}: {self.now} {self.rung}"
        _LOG.warning("%s", message)
        self._tell(Failure(fault.kind, message, fault.hint))


class LadderRecognizer(Ladder[Recognizer]):
    """Recognises on the first rung that works."""

    @property
    def context(self) -> Context:
        """What the model's encoder needs to see."""
        return self._loaded().context

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes it knows."""
        return self._loaded().languages

    def recognize(self, window: Window) -> Hypothesis:
        """Return what is said in the window after its prefix, from the first rung that can tell.

        Raises:
            DeviceError: The last one failed as well.
        """
        return self._on_a_rung(lambda recognizer: recognizer.recognize(window))


def _reason(error: Exception) -> str:
    """Return what an error says; of one that nobody foresaw, what it is and where it came from."""
    if isinstance(error, EngineError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

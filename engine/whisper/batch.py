"""What hears many windows at once: the protocol of whole recordings, and one that follows a script.

Windows are handed over as they are cut, and each is answered for itself. Which of them are computed together, and how
many, is the business of whoever knows the processor; what is heard in one hangs on that window alone.
"""

from concurrent.futures import Future
from typing import Protocol, runtime_checkable

from engine.records import Hypothesis, Window
from engine.whisper.recognizer import Context, Recognizer


@runtime_checkable
class BatchRecognizer(Protocol):
    """Windows → hypotheses, many at a time.

    Attributes:
        context: What the model's encoder needs to see.
        languages: ISO 639-1 codes it knows; ("en",) for an English model.
        ahead: So many windows should wait for it: fewer leave it idle, more only take memory.
    """

    context: Context
    languages: tuple[str, ...]
    ahead: int

    def submit(self, window: Window) -> "Future[Hypothesis]":
        """Take a window without a prefix, and return what will be said in it; raises as `Recognizer.recognize`."""
        ...

    def close(self) -> None:
        """Give up what waits, and end; closing twice is harmless."""
        ...


class OneByOne:
    """Makes a recogniser of live windows one of many: they are heard at once, one after another.

    Args:
        recognizer: Hears.
    """

    ahead = 1

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer = recognizer
        self.context = recognizer.context
        self.languages = recognizer.languages

    def submit(self, window: Window) -> "Future[Hypothesis]":
        """Return what is said in a window."""
        future: Future[Hypothesis] = Future()
        future.set_result(self._recognizer.recognize(window))
        return future

    def close(self) -> None:
        """Nothing waits."""

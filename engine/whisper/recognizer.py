"""What a recogniser is, one that follows a script, and what shows how others go wrong.

A recogniser keeps no state between windows: the pipeline decides what it sees. It is used by one thread.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from engine.records import Hypothesis, Window, Word
from engine.units import WINDOW_S


@dataclass(frozen=True, slots=True)
class Context:
    """How much sound a model's encoder must be shown.

    Attributes:
        name: As it stands in the catalog and beside a model.
        margin_s: Silence that is encoded after the window.
        least_s: No less than this is encoded.
        filled: The decoder is given 30 s all the same: behind what was encoded stands what the encoder makes of
            silence at those places, computed once.
        step_s: Sound between two updates with which a machine of two cores keeps up.
        wide: The search is wide at every update, and not in pauses only.

    SHORT: For models that were made for it. FILLED: For stock models of which it was measured to harm nothing. PADDED:
    As they were trained; unless their decoder is shown 30 s, stock models loop.
    """

    name: str
    margin_s: float
    least_s: float
    filled: bool
    step_s: float
    wide: bool

    SHORT: ClassVar["Context"]
    FILLED: ClassVar["Context"]
    PADDED: ClassVar["Context"]

    @classmethod
    def named(cls, name: str) -> "Context":
        """Return the context of a name.

        Raises:
            ValueError: There is none.
        """
        for context in (cls.SHORT, cls.FILLED, cls.PADDED):
            if context.name == name:
                return context
        raise ValueError(f"there is no context named {name!r}")


# A short-context model was trained on audio + 0.5…2 s; filled, margins of 0.5…2 s differ by nothing that was measured.
Context.SHORT = Context("short", margin_s=0.5, least_s=0.0, filled=False, step_s=0.5, wide=True)
Context.FILLED = Context("filled", margin_s=1.0, least_s=0.0, filled=True, step_s=0.5, wide=False)
Context.PADDED = Context("padded", margin_s=0.0, least_s=WINDOW_S, filled=False, step_s=1.0, wide=False)


@runtime_checkable
class Recognizer(Protocol):
    """Window → Hypothesis."""

    @property
    def context(self) -> Context:
        """What the model's encoder needs to see."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes it knows; ("en",) for an English model."""
        ...

    @property
    def fallback(self) -> str:
        """What hears since a processor failed, "tiny.en on the processor"; empty while that is what was chosen."""
        ...

    def recognize(self, window: Window) -> Hypothesis:
        """Return what is said in the window after its prefix.

        Raises:
            DeviceError: The processor failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class ScriptedRecognizer:
    """Hears the words of a script once the window has passed their end, whatever the sound.

    Args:
        script: Words with absolute times, in order.
        stutter: The last word that the window cuts is heard as this text, until it has ended.
    """

    script: Sequence[Word]
    stutter: str = ""
    context: Context = Context.SHORT
    languages: tuple[str, ...] = ("en",)
    fallback: str = ""

    def recognize(self, window: Window) -> Hypothesis:
        """Return the script's words between the prefix and the end of the window."""
        after = window.prefix[-1].stop if window.prefix else window.start
        words = [word for word in self.script if word.start >= after and word.stop <= window.stop]
        cut = [word for word in self.script if word.start < window.stop < word.stop]
        if cut and self.stutter:
            words.append(Word(self.stutter, cut[0].start, window.stop, 0.3))
        return Hypothesis(tuple(words), "en", 1.0, -0.1 if words else 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class SlowRecognizer:
    """Takes its time: shows on any machine what becomes of captions on a slow one.

    Args:
        recognizer: Hears.
        cost_s: Seconds that a window takes.
        wait: Lets them pass.
    """

    recognizer: Recognizer
    cost_s: Callable[[Window], float]
    wait: Callable[[float], None]

    @property
    def context(self) -> Context:
        """What the model's encoder needs to see."""
        return self.recognizer.context

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes it knows."""
        return self.recognizer.languages

    @property
    def fallback(self) -> str:
        """What hears since a processor failed."""
        return self.recognizer.fallback

    def recognize(self, window: Window) -> Hypothesis:
        """Return what is heard, late."""
        self.wait(self.cost_s(window))
        return self.recognizer.recognize(window)


@dataclass(frozen=True, slots=True)
class FailingRecognizer:
    """Fails when it is told to: shows on any machine what becomes of captions when a processor fails.

    Args:
        recognizer: Hears, where nothing fails.
        fault: Returns what a window is to fail with, or None.
    """

    recognizer: Recognizer
    fault: Callable[[Window], Exception | None]

    @property
    def context(self) -> Context:
        """What the model's encoder needs to see."""
        return self.recognizer.context

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes it knows."""
        return self.recognizer.languages

    @property
    def fallback(self) -> str:
        """What hears since a processor failed."""
        return self.recognizer.fallback

    def recognize(self, window: Window) -> Hypothesis:
        """Return what is heard, or fail."""
        if (error := self.fault(window)) is not None:
            raise error
        return self.recognizer.recognize(window)

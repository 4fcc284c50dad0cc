"""What a student is shown at a time (no torch here, so that sounds can be made without it)."""

from dataclasses import dataclass

from engine.records import Samples
from engine.units import SAMPLES_PER_POSITION, WINDOW_S, samples

MOST_POSITIONS = samples(WINDOW_S) // SAMPLES_PER_POSITION


@dataclass(frozen=True, slots=True)
class Told:
    """What a person says was said between two samples of a sound."""

    text: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Item:
    """One sound, clean for the original and worse for the student.

    Attributes:
        clean: float32 [n], 16 kHz mono, at most 30 s: what the original hears.
        heard: float32 [n]: what the student hears; each sample is the same moment as in `clean`.
        positions: Of 20 ms that the student's encoder is shown: the sound and what stands behind it, which is silence
            (zeros); at most 1500. Sound behind them is not heard.
        before: float32 [m], at most 30 s, just before `clean`: its words, as the original writes them, are the prompt.
            May be empty.
        prompt: Text that is the prompt instead. May be empty.
        timed: Whether the text carries time tokens.
        spoken: Whether anybody speaks; if not, the student shall say so and write nothing.
        language: ISO 639-1, for a multilingual model; None is as the original hears it.
        told: What is said in it, where a person has told it: then the original is not asked.
    """

    clean: Samples
    heard: Samples
    positions: int
    before: Samples
    prompt: str = ""
    timed: bool = False
    spoken: bool = True
    language: str | None = None
    told: tuple[Told, ...] = ()

    def __post_init__(self) -> None:
        if len(self.clean) != len(self.heard):
            raise ValueError(f"{len(self.clean)} clean samples and {len(self.heard)} heard ones")
        if not 0 < self.positions <= MOST_POSITIONS:
            raise ValueError(f"{self.positions} positions are outside 1…{MOST_POSITIONS}")
        if max(len(self.clean), len(self.before)) > samples(WINDOW_S):
            raise ValueError(f"a sound is longer than {WINDOW_S} s")

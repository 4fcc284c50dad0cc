"""What a student hears, item by item, made fresh each time out of a library.

The same seed and index give the same item on any machine with the same library, whatever was drawn before: a run that
is resumed goes on as if it had never ended. What comes how often is the table `RECIPE`.

Where a person has corrected transcripts of their own, a part of all items is of these.

Items that follow each other are views of one sound: degraded otherwise, with another margin. The original, which costs
more than the student, hears it once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import overload

import numpy as np

from engine.adapt.corrections import Corrections
from engine.adapt.degrade import SHARES, Shares, at_level, limited, worse
from engine.adapt.library import Library
from engine.adapt.noises import Noises
from engine.adapt.phrases import writer
from engine.adapt.records import MOST_POSITIONS, Item, Told
from engine.adapt.sources import Kind
from engine.adapt.speakers import Speakers
from engine.records import Samples
from engine.units import SAMPLES_PER_POSITION, WINDOW_S, samples

LONGEST = samples(WINDOW_S)
VIEW = 1  # beside seed and index: no view is drawn by the numbers of a sound


class What(StrEnum):
    """A kind of item.

    WHOLE: utterances from beginning to end. CUT: the sound breaks off while somebody speaks, as the live edge does.
    INSIDE: it begins within an utterance, and the words before are the prompt. FULL: 30 s, as Whisper was trained.
    TRAILING: nobody speaks for a while afterwards, and there is silence, noise or music. NOBODY: nobody speaks at all.
    CORRECTED: what a person corrected, with their text.
    """

    WHOLE = "whole"
    CUT = "cut"
    INSIDE = "inside"
    FULL = "full"
    TRAILING = "trailing"
    NOBODY = "nobody"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What comes how often.

    Attributes:
        shares: Of each kind; the sum is 1.
        timed: With time tokens.
        padded: Shown with 30 s behind it all the same, so that this is not unlearned.
        usual: Margins between the two of `usual_s`; the others lie anywhere in `margin_s`.
        usual_s: Seconds of silence behind the sound, as live windows have it.
        margin_s: The least and the most.
        views: Items of one sound.
        worse: How the sound is degraded.
        prompted: Items without speech that have a prompt.
    """

    shares: tuple[tuple[What, float], ...] = (
        (What.WHOLE, 0.26),
        (What.CUT, 0.26),
        (What.INSIDE, 0.18),
        (What.FULL, 0.05),
        (What.TRAILING, 0.1),
        (What.NOBODY, 0.15),
    )
    timed: float = 0.3
    padded: float = 0.1
    usual: float = 0.6
    usual_s: tuple[float, float] = (0.3, 1.2)
    margin_s: tuple[float, float] = (0.0, 2.5)
    views: int = 2
    worse: Shares = SHARES
    prompted: float = 0.35

    def __post_init__(self) -> None:
        whole = sum(share for _, share in self.shares)
        if abs(whole - 1) > 1e-6:
            raise ValueError(f"the shares add up to {whole:g}, not to 1")

    def making_room(self, what: What, share: float) -> "Recipe":
        """Return the same with another kind, which takes its share of all others alike."""
        others = tuple((each, (1 - share) * old) for each, old in self.shares)
        return replace(self, shares=(*others, (what, share)))


RECIPE = Recipe()


def _empty() -> Samples:
    return np.empty(0, np.float32)


@dataclass(frozen=True, slots=True)
class _Sound:
    """What is drawn before it is degraded; `tail` is what is heard at the end of `clean`, where it is silent."""

    clean: Samples
    before: Samples = field(default_factory=_empty)
    tail: Samples = field(default_factory=_empty)
    prompt: str = ""
    spoken: bool = True
    language: str | None = None
    timed: bool = False
    told: tuple[Told, ...] = ()


Draw = Callable[[np.random.Generator], _Sound]


class Items:
    """Items by number; a sequence without end.

    Args:
        library: What they are made of.
        seed: Of all of them.
        recipe: What comes how often.
        corrections: A person's own, which take their share of it; None where there are none.
    """

    def __init__(
        self, library: Library, seed: int, recipe: Recipe = RECIPE, corrections: Corrections | None = None
    ) -> None:
        speech = library.of(Kind.SPEECH)
        self._speakers = Speakers(speech)
        self._noises = Noises(library.of(Kind.NOISE, Kind.MUSIC, Kind.BABBLE), speech)
        self._languages = sorted({track.about.language for track in speech if writer(track.about.language)}) or ["en"]
        self._seed, self._recipe = seed, recipe
        self._last: tuple[int, _Sound] | None = None
        self._corrections = corrections
        if corrections is not None:
            self._recipe = recipe.making_room(What.CORRECTED, corrections.share)
        self._ways: dict[What, Draw] = {
            What.WHOLE: self._whole,
            What.CUT: self._cut,
            What.INSIDE: self._inside,
            What.FULL: self._full,
            What.TRAILING: self._trailing,
            What.NOBODY: self._nobody,
            What.CORRECTED: self._corrected,
        }

    def __getitem__(self, index: int) -> Item:
        """Return an item; views of one sound share `clean`, if they are asked for one after the other.

        Args:
            index: From 0.
        """
        sound = self._sound(index // self._recipe.views)
        rng = np.random.default_rng([self._seed, index, VIEW])
        padded = self.what(index) is What.FULL or rng.random() < self._recipe.padded
        if sound.spoken:
            heard = worse(sound.clean, rng, lambda length: self._noises.behind(rng, length), self._recipe.worse)
            silent = np.zeros(len(heard) - len(sound.tail), np.float32)
            heard = limited(heard + np.concatenate([silent, sound.tail]))
        else:
            heard = worse(sound.clean, rng, lambda length: self._noises.alone(rng, length), self._recipe.worse)
        return Item(
            clean=sound.clean,
            heard=heard,
            positions=MOST_POSITIONS if padded else self._positions(rng, len(sound.clean)),
            before=sound.before,
            prompt=sound.prompt,
            timed=sound.timed,
            spoken=sound.spoken,
            language=sound.language,
            told=sound.told,
        )

    def what(self, index: int) -> What:
        """Return which kind an item is of."""
        return self._kind(self._rng(index // self._recipe.views))

    def _sound(self, number: int) -> _Sound:
        """Return the sound of a few items; the last is kept."""
        if self._last is None or self._last[0] != number:
            rng = self._rng(number)
            drawn = self._ways[self._kind(rng)](rng)
            clean = limited(np.concatenate([drawn.clean, np.zeros_like(drawn.tail)]))
            timed = bool(rng.random() < self._recipe.timed)
            self._last = number, replace(drawn, clean=clean, before=limited(drawn.before), timed=timed)
        return self._last[1]

    def _rng(self, number: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, number])

    def _kind(self, rng: np.random.Generator) -> What:
        kinds, shares = zip(*self._recipe.shares, strict=True)
        place = int(np.searchsorted(np.cumsum(shares), rng.random(), "right"))
        found: What = kinds[min(place, len(kinds) - 1)]
        return found

    def _positions(self, rng: np.random.Generator, length: int) -> int:
        usual = rng.random() < self._recipe.usual
        margin_s = rng.uniform(*(self._recipe.usual_s if usual else self._recipe.margin_s))
        return int(np.clip(-(-(length + samples(margin_s)) // SAMPLES_PER_POSITION), 1, MOST_POSITIONS))

    def _whole(self, rng: np.random.Generator) -> _Sound:
        most_s = 26.0 if rng.random() < 0.1 else 14.5
        said = self._speakers.talk(rng, int(rng.integers(1, 5)), samples(most_s))
        return _Sound(said.sound, language=said.language)

    def _cut(self, rng: np.random.Generator) -> _Sound:
        said = self._speakers.talk(rng, int(rng.integers(1, 4)), samples(16), broken_off=True)
        return _Sound(_broken_off(said.sound, rng), language=said.language)

    def _inside(self, rng: np.random.Generator) -> _Sound:
        said = self._speakers.talk(rng, int(rng.integers(2, 5)), samples(24))
        at = _quiet_place(said.sound, float(rng.uniform(0.25, 0.7)))
        rest = said.sound[at:][: samples(14)]
        clean = _broken_off(rest, rng) if rng.random() < 0.5 else rest
        return _Sound(clean, before=said.sound[max(0, at - samples(15)) : at], language=said.language)

    def _full(self, rng: np.random.Generator) -> _Sound:
        said = self._speakers.talk(rng, 40, LONGEST, broken_off=True)
        return _Sound(said.sound, language=said.language)

    def _trailing(self, rng: np.random.Generator) -> _Sound:
        said = self._speakers.talk(rng, int(rng.integers(1, 3)), samples(14))
        length = samples(rng.uniform(1.5, 12))
        if rng.random() < 0.35:
            tail = np.zeros(length, np.float32)
        else:
            tail = at_level(self._noises.alone(rng, length), float(rng.uniform(-45, -22)))
        return _Sound(said.sound, tail=tail, language=said.language)

    def _nobody(self, rng: np.random.Generator) -> _Sound:
        length = samples(rng.uniform(12, 30) if rng.random() < 0.15 else rng.uniform(0.4, 12))
        level_db = float(rng.uniform(-75, -45) if rng.random() < 0.2 else rng.uniform(-45, -15))
        prompt = ""
        if rng.random() < self._recipe.prompted:
            write = writer(self._languages[int(rng.integers(len(self._languages)))])
            prompt = write(rng) if write else ""
        sound = np.zeros(length, np.float32)
        if rng.random() > 0.07:
            sound = at_level(self._noises.alone(rng, length), level_db)
        return _Sound(sound, prompt=prompt, spoken=False)

    def _corrected(self, rng: np.random.Generator) -> _Sound:
        if self._corrections is None:
            raise ValueError("a recipe speaks of corrections, and there are none")
        lesson = self._corrections.draw(rng)
        return _Sound(
            lesson.sound, prompt=lesson.prompt, spoken=bool(lesson.told), language=lesson.language, told=lesson.told
        )


@dataclass(frozen=True, slots=True)
class Drawn(Sequence[Item]):
    """The items of a step, each made when it is asked for: of several processes, each makes its own.

    Attributes:
        items: All there are.
        numbers: Of those of the step.
    """

    items: Items
    numbers: range

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> "Drawn": ...
    def __getitem__(self, index: int | slice) -> "Item | Drawn":
        if isinstance(index, slice):
            return Drawn(self.items, self.numbers[index])
        return self.items[self.numbers[index]]


def _broken_off(sound: Samples, rng: np.random.Generator) -> Samples:
    """Return the beginning of a sound, up to a loud moment of its last three quarters: most are within a word."""
    places = rng.uniform(0.25, 1.0, 4)
    near = samples(0.03)
    ends = [max(samples(0.5), int(place * len(sound))) for place in places]
    return sound[: max(ends, key=lambda end: float(np.sum(np.square(sound[max(0, end - near) : end + near]))))]


def _quiet_place(sound: Samples, share: float) -> int:
    """Return the sample around a share of a sound where it is least loud: between two words, as a rule."""
    piece, reach = samples(0.03), samples(0.5)
    middle = int(share * len(sound))
    start = max(0, middle - reach) // piece
    part = sound[start * piece : middle + reach]
    if len(part) < piece:
        return middle
    energies = np.sum(np.square(part[: len(part) // piece * piece].reshape(-1, piece)), axis=1)
    return (start + int(np.argmin(energies))) * piece + piece // 2

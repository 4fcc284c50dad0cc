"""Who speaks: utterances of one or two voices in a row, with pauses, at a level."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.adapt.degrade import at_level, at_pace
from engine.adapt.tracks import Track
from engine.records import Samples
from engine.units import samples, seconds

# What a track counts. The original misunderstands synthesisers, and what it writes of them is believed: with half of
# all speech from them, a student lost more of readers with an accent than with people alone.
HUMAN, MADE = 4.0, 0.1
OWN = 0.5  # of what is drawn is the user's own, less if there is little of it
ENOUGH_S = 1800.0
LEVELS_DB = (-32.0, -16.0)
PAUSES_S = (0.05, 1.2)
TWO_VOICES = 0.2
OTHERS, PACES = 0.5, (0.87, 1.15)  # of all talks, and how fast: pitch and formants go with it, as with another person
FLOOR_DB = -78.0  # of hiss under half of all talks: rooms are never as silent as zeros


@dataclass(frozen=True, slots=True)
class Talk:
    """What was said: float32 [n], 16 kHz, and in what language; None where nobody knows it."""

    sound: Samples
    language: str | None


class Speakers:
    """Draws who speaks, and what.

    Args:
        tracks: Of speech, at least one.
    """

    def __init__(self, tracks: Sequence[Track]) -> None:
        self._tracks = tracks
        self._bounds = np.cumsum(_weights(tracks))

    def talk(self, rng: np.random.Generator, utterances: int, most: int, *, broken_off: bool = False) -> Talk:
        """Return up to so many utterances, of no more than `most` samples together.

        Args:
            rng: Decides everything.
            utterances: One at least is heard.
            most: Of samples; an utterance that would not end before is left out.
            broken_off: It is heard all the same, as far as there is room.
        """
        first = self._track(rng)
        second = self._track(rng) if rng.random() < TWO_VOICES else first
        if second.about.language != first.about.language:
            second = first
        level_db = float(rng.uniform(*LEVELS_DB))
        pace = float(rng.uniform(*PACES)) if rng.random() < OTHERS else 1.0
        at = {id(track): int(rng.integers(len(track.spans))) for track in (first, second)}
        parts: list[Samples] = []
        length = 0
        for number in range(utterances):
            track = second if number % 2 else first
            span = track.spans[at[id(track)] % len(track.spans)]
            at[id(track)] += 1
            said = at_level(at_pace(track.sound(span.start, span.stop), pace), level_db + float(rng.normal(0, 1.5)))
            pause = np.zeros(samples(rng.uniform(*PAUSES_S)), np.float32)
            if parts and length + len(said) > most and not broken_off:
                break
            parts += [said, pause]
            length += len(said) + len(pause)
            if length >= most:
                break
        whole = np.concatenate(parts)[:most]
        if rng.random() < 0.5:
            whole = whole + rng.normal(0, 10 ** (FLOOR_DB / 20), len(whole)).astype(np.float32)
        return Talk(whole, first.about.language or None)

    def _track(self, rng: np.random.Generator) -> Track:
        place = rng.random() * self._bounds[-1]
        return self._tracks[min(int(np.searchsorted(self._bounds, place, "right")), len(self._tracks) - 1)]


def _weights(tracks: Sequence[Track]) -> list[float]:
    """Return how likely each track is to be drawn.

    Twice as likely if it holds four times as much, and so with languages: none of many is forgotten for English. The
    user's own has its share first.
    """
    plain = [float(np.sqrt(track.length)) * (MADE if track.about.made else HUMAN) for track in tracks]
    languages: dict[str, float] = {}
    for track, weight in zip(tracks, plain, strict=True):
        if not track.about.own:
            languages[track.about.language] = languages.get(track.about.language, 0.0) + weight
    shared = [
        0.0 if track.about.own else weight / np.sqrt(languages[track.about.language])
        for track, weight in zip(tracks, plain, strict=True)
    ]
    own = [weight if track.about.own else 0.0 for track, weight in zip(tracks, plain, strict=True)]
    own_s = seconds(sum(track.length for track in tracks if track.about.own))
    share = OWN * min(1.0, own_s / ENOUGH_S) if sum(shared) else 1.0
    return [
        (1 - share) * some / (sum(shared) or 1) + share * mine / (sum(own) or 1)
        for some, mine in zip(shared, own, strict=True)
    ]

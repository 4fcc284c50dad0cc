"""Sessions that somebody has corrected: every sample of them says where it is, so that any sound tells its place."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from engine.records import Caption, Word
from engine.transcript.journal import Journal
from engine.transcript.library import Library
from engine.transcript.sound import SoundLog
from engine.units import samples
from tests.engine.transcript.said import NOW


@dataclass(frozen=True)
class Said:
    """A segment: how long nobody spoke before it, how long it is, and what a person made of it, if anything."""

    pause_s: float
    length_s: float
    correction: str | None


def session_sound(length, seed=0):
    """Return noise, float32 [length], quiet enough that nothing is clipped."""
    return (0.3 * np.random.default_rng(seed).uniform(-1, 1, length)).astype(np.float32)


def corrected_session(folder: Path, segments, *, number=0, keep_sound=True, language="en"):
    """Write a session, its sound and the corrections, as the window does; return its name and its sound as int16."""
    now = NOW + timedelta(minutes=number)
    journal = Journal.create(folder, title="", source="mic", model="tiny.en", now=now)
    at = 0
    for index, said in enumerate(segments):
        start = at + samples(said.pause_s)
        at = start + samples(said.length_s)
        text = f" heard {index}"
        journal.caption(Caption(index, text, "", True, (Word(text, start, at, 0.9),), start, at, language))
    heard = session_sound(at + samples(2), number)
    if keep_sound:
        log = SoundLog(folder, journal.id)
        log.write(heard)
        log.close()
    journal.close()
    for index, said in enumerate(segments):
        if said.correction is not None:
            Library(folder).correct(journal.id, index, said.correction)
    return journal.id, np.round(heard * 32767).astype(np.int16)

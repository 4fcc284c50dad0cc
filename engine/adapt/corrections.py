"""What a person corrected in their own transcripts, beside the sound that was kept of it (engine.transcript.sound).

Of a session that has sound, every segment that was corrected is a sound with its text; an empty text says that nobody
spoke. Some are held out, always the same of the same. Nothing of it is written anywhere: it is read from the journals
at every start, and goes when they go.
"""

import hashlib
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from engine.adapt.library import OWN, Clip, Credit
from engine.adapt.records import Told
from engine.adapt.sources import Kind
from engine.errors import AdaptationError
from engine.records import Samples
from engine.transcript.library import Library
from engine.transcript.listening import Pcm, kept_sounds
from engine.transcript.records import Segment, Transcript
from engine.transcript.sound import sound_files
from engine.units import samples, seconds

SOURCE = "corrected transcripts"
RANK = 8  # of narrow matrices: a few minutes of one voice cannot move whole weights without harm (LoRA's own default)
SHARE = 0.5  # of what is heard, the rest being as without corrections: half of each step holds on to what was known
ENOUGH_S = 300.0  # with less, its share is smaller: nothing is heard hundreds of times

REACH = samples(1.0)  # of sound around a segment, half-way to its neighbours at most
EDGE_S = (0.1, 0.5)  # of that, what is heard before the first word and behind the last
MEASURED_EDGE = samples(0.3)
LONGEST = samples(28)
LEAST = samples(0.2)
KNOWN = 0.9  # of a segment, that sound was kept of: a device may have been lost in its middle
JOINED, MOST = 0.5, 4  # how likely the next segment is heard as well, and how many at most
PROMPTED = 0.5  # of all, with the text before as prompt, as live windows have it
KEPT_ONE_IN, FEW = 5, 3  # held out: at least a few, but never more than a third


@dataclass(frozen=True, slots=True)
class Corrected:
    """A segment that a person corrected.

    Attributes:
        session: Its transcript.
        place: In the transcript, from 0.
        span: Samples of the session that `pcm` is of.
        pcm: int16 [n], 16 kHz.
        first: Index in `pcm` where its first word begins.
        last: One past the end of its last word.
        text: What was said; empty where nobody spoke.
        language: ISO 639-1.
        before: The text of the segment before.
    """

    session: str
    place: int
    span: tuple[int, int]
    pcm: Pcm
    first: int
    last: int
    text: str
    language: str
    before: str

    def leads_to(self, other: "Corrected") -> bool:
        """Whether another one goes on where this ends."""
        follows = (self.session, self.place + 1) == (other.session, other.place)
        return follows and self.span[1] == other.span[0] and self.language == other.language


@dataclass(frozen=True, slots=True)
class Lesson:
    """Corrected segments in a row.

    Attributes:
        sound: float32 [n], 16 kHz.
        told: What is said in it; empty where nobody speaks.
        prompt: Text that was said before, or nothing.
        language: ISO 639-1.
    """

    sound: Samples
    told: tuple[Told, ...]
    prompt: str
    language: str


@dataclass(frozen=True)
class Corrections:
    """Everything that was corrected, in the order in which it was said.

    Attributes:
        segments: At least one.
    """

    segments: tuple[Corrected, ...]

    @cached_property
    def _kept(self) -> frozenset[int]:
        """Places in `segments` of what is held out: by names alone, so that more corrections change little of it."""
        count = max(len(self.segments) // KEPT_ONE_IN, min(FEW, len(self.segments) // 3))
        marks = [zlib.crc32(f"{each.session}/{each.place}".encode()) for each in self.segments]
        return frozenset(sorted(range(len(marks)), key=lambda at: (marks[at], at))[:count])

    @cached_property
    def learned(self) -> tuple[Corrected, ...]:
        """What may be trained with."""
        return tuple(each for at, each in enumerate(self.segments) if at not in self._kept)

    @property
    def held_out(self) -> tuple[Clip, ...]:
        """What is never trained with."""
        return tuple(_clip(each) for at, each in enumerate(self.segments) if at in self._kept)

    @cached_property
    def length_s(self) -> float:
        """Seconds that are trained with."""
        return seconds(sum(each.last - each.first for each in self.learned))

    @property
    def share(self) -> float:
        """How much of what is heard shall be of these."""
        return SHARE * min(1.0, self.length_s / ENOUGH_S)

    @property
    def credit(self) -> Credit:
        """How much went in, for the model's card: never what was said."""
        return Credit(SOURCE, Kind.SPEECH, OWN, "", self.length_s / 3600)

    @cached_property
    def fingerprint(self) -> str:
        """What tells these from others."""
        known = [(each.session, each.place, each.span, each.text, each.language) for each in self.segments]
        return hashlib.sha256(repr(known).encode()).hexdigest()

    def draw(self, rng: np.random.Generator) -> Lesson:
        """Return one segment, or several that follow each other.

        Args:
            rng: Decides everything.
        """
        at = int(rng.integers(len(self.learned)))
        group = [self.learned[at]]
        for after in self.learned[at + 1 : at + MOST]:
            length = after.span[1] - group[0].span[0]
            if rng.random() >= JOINED or not group[-1].leads_to(after) or length > LONGEST:
                break
            group.append(after)
        edges = samples(rng.uniform(*EDGE_S)), samples(rng.uniform(*EDGE_S))
        prompt = group[0].before if rng.random() < PROMPTED else ""
        return _lesson(group, edges, prompt)


def find_corrections(folder: Path, languages: Collection[str]) -> Corrections:
    """Return what was corrected in the transcripts of a folder and can still be heard.

    Args:
        folder: Of the journals.
        languages: ISO 639-1 of what the model knows; what is in others is left out.

    Raises:
        AdaptationError: There is nothing of the kind.
    """
    library = Library(folder)
    found = [
        corrected
        for summary in reversed(library.sessions())
        if sound_files(folder, summary.id)
        for corrected in _of(folder, library.read(summary.id), languages)
    ]
    corrections = Corrections(tuple(found))
    if not corrections.learned:
        raise AdaptationError(
            f"nothing was corrected in {folder} of which the sound was kept",
            hint="Let captions keep the sound (a switch in the transcript's window, or caption --save DIR "
            "--keep-sound), and correct what was heard wrong (a double click on its line, or undertext correct).",
        )
    return corrections


def _of(folder: Path, transcript: Transcript, languages: Collection[str]) -> Iterator[Corrected]:
    segments = sorted(transcript.segments, key=lambda segment: (segment.start_ms, segment.id))
    spans = [_span(segments, place) for place in range(len(segments))]
    chosen = [
        place
        for place, segment in enumerate(segments)
        if segment.corrected and segment.language in languages and LEAST <= spans[place][1] - spans[place][0] <= LONGEST
    ]
    sounds = kept_sounds(folder, transcript.header.id, [spans[place] for place in chosen])
    for place, sound in zip(chosen, sounds, strict=True):
        segment, (start, _) = segments[place], spans[place]
        if sound.known >= KNOWN * len(sound.pcm):
            yield Corrected(
                session=transcript.header.id,
                place=place,
                span=spans[place],
                pcm=sound.pcm,
                first=max(0, _sample(segment.start_ms) - start),
                last=min(len(sound.pcm), _sample(segment.end_ms) - start),
                text=" ".join(segment.text.split()),
                language=segment.language,
                before=segments[place - 1].text.strip() if place else "",
            )


def _span(segments: Sequence[Segment], place: int) -> tuple[int, int]:
    """Return the samples around a segment, none of which is a neighbour's."""
    start, stop = _sample(segments[place].start_ms), _sample(segments[place].end_ms)
    early, late = max(0, start - REACH), stop + REACH
    if place:
        early = max(early, (_sample(segments[place - 1].end_ms) + start) // 2)
    if place + 1 < len(segments):
        late = min(late, (stop + _sample(segments[place + 1].start_ms)) // 2)
    return min(early, start), max(late, stop)


def _sample(at_ms: int) -> int:
    return samples(at_ms / 1000)


def _lesson(group: Sequence[Corrected], edges: tuple[int, int], prompt: str) -> Lesson:
    """Return the sound of segments in a row with so many samples before the first word and behind the last."""
    first, last = group[0], group[-1]
    begin = first.span[0] + max(0, first.first - edges[0])
    end = last.span[0] + min(len(last.pcm), last.last + edges[1])
    whole = np.concatenate([each.pcm for each in group])[begin - first.span[0] : end - first.span[0]]
    told = tuple(
        Told(each.text, each.span[0] + each.first - begin, each.span[0] + each.last - begin)
        for each in group
        if each.text
    )
    return Lesson(whole.astype(np.float32) / np.float32(32768), told, prompt, first.language)


def _clip(corrected: Corrected) -> Clip:
    lesson = _lesson([corrected], (MEASURED_EDGE, MEASURED_EDGE), "")
    return Clip(lesson.sound, corrected.text, SOURCE, corrected.language)

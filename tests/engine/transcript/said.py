"""What the tests of this room say: captions, and a live model of what a journal of them must tell."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from engine.records import Caption, Doubt, Gap, Withheld, Word
from engine.transcript.journal import Journal
from engine.transcript.records import Doubted, Header, MissedSpan, Note, Segment, TimedWord, Transcript
from engine.units import milliseconds

NOW = datetime(2025, 1, 31, 17, 45, tzinfo=UTC)
ID = "20250131-174500"

# Disks and busy machines are as slow as they are: no property here is about time.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)

Event = Caption | Gap | Withheld | str


def caption(segment, words, *, new=None, final=True, language="en"):
    """A caption that commits the last `new` of its segment's words; all of them when None."""
    new = len(words) if new is None else new
    start, stop = (words[0].start, words[-1].stop) if words else (0, 0)
    committed = "".join(word.text for word in words)
    return Caption(segment, committed, "", final, tuple(words[len(words) - new :]), start, stop, language)


def said(text, *, start=0, each=4000, gap=1600):
    """The words of a text, one after the other."""
    words = []
    for number, part in enumerate(text.split()):
        begin = start + number * (each + gap)
        words.append(Word((" " if number else "") + part, begin, begin + each, 0.9))
    return words


@st.composite
def sessions(draw):
    """Events as a session sends them: segments that grow word by word, gaps and notes between them."""
    events: list[Event] = []
    now = 0
    for segment in range(draw(st.integers(0, 5))):
        words: list[Word] = []
        for _ in range(draw(st.integers(1, 4))):
            new = draw(st.integers(0, 3))
            for _ in range(new):
                text = " " + draw(st.text(min_size=1, max_size=8))
                stop = now + draw(st.integers(1, 20_000))
                words.append(Word(text, now, stop, draw(st.integers(0, 1000)) / 1000))
                now = stop
            events.append(caption(segment, words, new=new, final=False))
        if draw(st.booleans()):
            events.append(caption(segment, words, new=0))
        if draw(st.booleans()):
            doubt = Withheld(now, now + 16_000, "Thank you.", draw(st.sampled_from(Doubt)))
            others = [Gap(now, now + 8000, "device lost"), doubt, "a note\nin two lines"]
            events.append(draw(st.sampled_from(others)))
    return events


def tell(journal: Journal, event: Event) -> None:
    """Give an event to the journal, as the session does."""
    match event:
        case Caption():
            journal.caption(event)
        case Gap():
            journal.gap(event)
        case Withheld():
            journal.withheld(event)
        case str():
            journal.note(event)


@dataclass
class LiveModel:
    """What was told so far, kept in the plainest way."""

    header: Header = field(default=Header(ID, "Title", NOW, "a device", "tiny.en"))
    segments: dict[int, Segment] = field(default_factory=dict)
    spoken: dict[int, list[TimedWord]] = field(default_factory=dict)
    gaps: list[MissedSpan] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    withheld: list[Doubted] = field(default_factory=list)
    now_ms: int = 0

    def take(self, event: Event) -> None:
        match event:
            case Caption() if event.committed.strip() and (event.words or event.final):
                spoken = self.spoken.setdefault(event.segment, [])
                for word in event.words:
                    times = milliseconds(word.start), milliseconds(word.stop)
                    spoken.append(TimedWord(word.text, *times, word.probability))
                span = spoken[0].start_ms, spoken[-1].end_ms
                words = tuple(spoken) if event.final else ()
                self.segments[event.segment] = Segment(
                    event.segment, *span, event.committed, event.language, event.final, words
                )
                self.now_ms = max(self.now_ms, span[1])
            case Gap():
                self.gaps.append(MissedSpan(milliseconds(event.start), milliseconds(event.stop), event.reason))
                self.now_ms = max(self.now_ms, milliseconds(event.stop))
            case Withheld():
                span = milliseconds(event.start), milliseconds(event.stop)
                self.withheld.append(Doubted(*span, event.text, event.reason.value))
            case str():
                self.notes.append(Note(self.now_ms, event))

    def transcript(self, *, ended: bool = False) -> Transcript:
        segments = tuple(self.segments.values())
        notes, withheld = tuple(self.notes), tuple(self.withheld)
        return Transcript(self.header, segments, tuple(self.gaps), notes, ended, withheld)


def begin(folder, disk=None) -> Journal:
    """A journal whose header is that of the model."""
    return Journal.create(folder, title="Title", source="a device", model="tiny.en", now=NOW, disk=disk)

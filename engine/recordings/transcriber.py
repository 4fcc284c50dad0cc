"""Many recordings at once: takes of every file go to the recogniser as it has room, and become transcripts in order.

    files → takes (`listening`) → windows asked for (`hearing`) → hypotheses → what is believed, file by file

One thread does all of it but the recognising: there is nothing to lock. A file that cannot be read is told, and the
rest goes on.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from engine.errors import CudaUnavailable, EngineError
from engine.recordings.cutting import Lengths
from engine.recordings.hearing import Asked, Heard, hear
from engine.recordings.listening import Listening, Take
from engine.records import Hypothesis, Window
from engine.settings import AUTO, TRANSCRIBE, TRANSLATE
from engine.speech.vad import SpeechDetector
from engine.units import WINDOW_S
from engine.whisper.batch import BatchRecognizer

MIXED = "mixed"  # the language is heard in every take by itself
# A padded window costs the same however short it is. A short one costs less by the second, but says less: over 23
# minutes of read speech tiny.en made 10.3, 10.1, 9.5 and 9.0 % word errors in windows of at most 10, 15, 20 and 30 s.
LENGTHS = Lengths(most_s=WINDOW_S, full_s=20, apart_s=20)
BALLOT = 3  # takes whose languages decide on that of a file


class Keeper(Protocol):
    """What a file's finished takes are kept in, so that a run that was broken off goes on where it was.

    Attributes:
        finished: The takes that are kept already, in order.
    """

    finished: Sequence[Heard]

    def keep(self, heard: Heard) -> None:
        """Keep the next take."""
        ...


@dataclass
class Unkept:
    """Keeps nothing."""

    finished: Sequence[Heard] = ()

    def keep(self, heard: Heard) -> None:
        """Forget a take."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One file to transcribe; `keeper` gets its takes as they are finished."""

    path: Path
    keeper: Keeper = field(default_factory=Unkept)


@dataclass(frozen=True, slots=True)
class Advanced:
    """So many samples of a file are done, the first of them `before`; `length` is what the file says, or None."""

    job: Job
    done: int
    length: int | None
    before: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """A file is done: its takes in order, and its length in samples, the first of which were done `before`."""

    job: Job
    heard: tuple[Heard, ...]
    length: int
    before: int = 0


@dataclass(frozen=True, slots=True)
class Failed:
    """A file cannot be transcribed."""

    job: Job
    error: EngineError


Report: TypeAlias = Advanced | Finished | Failed


class Crew(Protocol):
    """Whoever transcribes many recordings: a `Transcriber`, or a cluster of them."""

    def transcribe(self, jobs: Iterable[Job]) -> Iterator[Report]:
        """Yield what becomes of each file, in any order."""
        ...


class Transcriber:
    """Transcribes recordings with one recogniser, which it keeps.

    Args:
        recognizer: Hears; whoever made it closes it.
        language: ISO 639-1 code; "auto" to hear it in the first takes of each file, "mixed" in every take.
        task: What the recogniser does: "transcribe" or "translate".
    """

    def __init__(self, recognizer: BatchRecognizer, language: str = AUTO, task: str = TRANSCRIBE) -> None:
        self._recognizer = recognizer
        self._language = language
        self._timed = task != TRANSLATE
        self._detector = SpeechDetector()

    def transcribe(self, jobs: Iterable[Job]) -> Iterator[Report]:
        """Yield what becomes of each file.

        Args:
            jobs: As many as one likes; they are looked at as their turn comes.

        Raises:
            CudaUnavailable: A GPU was demanded, and failed: nothing more can be heard.
        """
        waiting: dict[Future[Hypothesis], tuple[_Recording, _Entry]] = {}
        takes = self._takes(jobs)
        fed = True
        while fed or waiting:
            while fed and len(waiting) < self._recognizer.ahead:
                recording, take = next(takes, (None, None))
                if recording is None:
                    fed = False
                    break
                if take is not None:
                    self._ask(waiting, recording, recording.enter(take))
                yield from self._settle(waiting, recording)
            done, _ = wait(waiting, return_when=FIRST_COMPLETED) if waiting else (set(), None)
            for future in done:
                recording, entry = waiting.pop(future)
                self._answer(waiting, recording, entry, future)
                yield from self._settle(waiting, recording)

    def _takes(self, jobs: Iterable[Job]) -> "Iterator[tuple[_Recording, Take | None]]":
        """Yield the takes of each file that are not kept yet, and None when there are no more."""
        for job in jobs:
            recording, kept = _Recording(job, self._language, timed=self._timed), len(job.keeper.finished)
            try:
                with closing(Listening(job.path, self._detector, LENGTHS)) as listening:
                    recording.length = listening.length
                    for take in listening.takes():
                        if take.number < kept:
                            recording.before = take.whole[1]
                        else:
                            yield recording, take
                        if recording.error is not None:
                            break
                    recording.heard = listening.heard
            except EngineError as error:
                recording.error = error
            recording.fed = True
            yield recording, None

    def _ask(self, waiting: "_Waiting", recording: "_Recording", entry: "_Entry") -> None:
        self._submit(waiting, recording, entry, next(entry.asked))

    def _submit(self, waiting: "_Waiting", recording: "_Recording", entry: "_Entry", window: Window) -> None:
        waiting[self._recognizer.submit(window)] = recording, entry

    def _answer(
        self, waiting: "_Waiting", recording: "_Recording", entry: "_Entry", future: "Future[Hypothesis]"
    ) -> None:
        """Hand a hypothesis to who asked for it, and submit what is asked next."""
        try:
            self._submit(waiting, recording, entry, entry.asked.send(future.result()))
        except StopIteration as end:
            entry.heard = end.value
        except CudaUnavailable:  # every other file would fail as well; what is finished is kept
            raise
        except EngineError as error:
            recording.error = error

    def _settle(self, waiting: "_Waiting", recording: "_Recording") -> Iterator[Report]:
        """Yield what is decided of a file, and ask again for what was heard in another language than it has."""
        if recording.over:
            return
        if recording.error is not None:
            recording.over = True
            yield Failed(recording.job, recording.error)
            return
        before = len(recording.heard_takes)
        try:
            again = recording.settle()
        except EngineError as error:  # what is finished cannot be kept
            recording.error = error
            yield from self._settle(waiting, recording)
            return
        if again is not None:
            self._ask(waiting, recording, again)
        if len(recording.heard_takes) > before:
            yield Advanced(recording.job, recording.done, recording.length, recording.before)
        if recording.fed and not recording.entries:
            recording.over = True
            yield Finished(recording.job, tuple(recording.heard_takes), recording.heard, recording.before)


@dataclass(eq=False)
class _Entry:
    """A take on its way."""

    take: Take
    asked: Asked
    heard: Heard | None = None


class _Recording:
    """What is known of one file.

    Attributes:
        entries: The takes that are not final, in order.
        heard_takes: What became of the others.
        done: Where the last of those ends.
        before: Where the last of those ends that were kept already.
        length: Samples, as the file says.
        heard: Samples, once all are decoded.
        fed: There are no more takes to come.
        over: It was told what became of it.
        error: Why it cannot be transcribed.
    """

    def __init__(self, job: Job, language: str, *, timed: bool) -> None:
        self.job = job
        self.entries: list[_Entry] = []
        self.heard_takes: list[Heard] = list(job.keeper.finished)
        self.done = self.before = 0
        self.length: int | None = None
        self.heard = 0
        self.fed = self.over = False
        self.error: EngineError | None = None
        self._timed = timed
        self._mixed = language == MIXED
        self._spoken = "" if language in {AUTO, MIXED} else language
        if language == AUTO and self.heard_takes:
            self._elect(self.heard_takes[:BALLOT])

    @property
    def ask(self) -> str:
        """The language that a take is asked for in."""
        return self._spoken or AUTO

    def enter(self, take: Take) -> _Entry:
        """Take the next take."""
        self.entries.append(_Entry(take, hear(take, self.ask, timed=self._timed)))
        return self.entries[-1]

    def settle(self) -> _Entry | None:
        """Make final what is; return the take that must be heard again, in the language of the file."""
        if not self._spoken and not self._mixed:
            first = [entry.heard for entry in self.entries[:BALLOT]]
            if None in first or (len(first) < BALLOT and not self.fed) or not first:
                return None
            self._elect([heard for heard in first if heard is not None])
        while self.entries and (heard := self.entries[0].heard) is not None:
            if self._spoken and heard.language != self._spoken:
                take = self.entries[0].take
                self.entries[0] = _Entry(take, hear(take, self._spoken, timed=self._timed))
                return self.entries[0]
            self.job.keeper.keep(heard)
            self.heard_takes.append(heard)
            self.done = self.entries.pop(0).take.whole[1]
        return None

    def _elect(self, takes: Sequence[Heard]) -> None:
        votes: dict[str, float] = {}
        for heard in takes:
            votes[heard.language] = votes.get(heard.language, 0.0) + heard.certainty * (1 + len(heard.words))
        self._spoken = max(votes, key=lambda language: votes[language])


_Waiting: TypeAlias = dict[Future[Hypothesis], tuple[_Recording, _Entry]]

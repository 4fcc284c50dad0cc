import errno
import queue
import time
from datetime import UTC, datetime

import numpy as np
import pytest

from engine.audio.sources import ArraySource
from engine.errors import CudaUnavailable, DiskFull, MediaUnreadable, ModelMissing, OutOfMemory
from engine.records import Caption, Failure, Gap, Notice, State, StateChange, Stats
from engine.session import Session
from engine.transcript.journal import Journal
from engine.transcript.library import Library
from engine.transcript.listening import kept_sounds
from engine.transcript.sound import Room, SoundLog, sound_files
from engine.whisper.ladder import GRAPHICS_CARD, PROCESSOR, LadderRecognizer, Lost, Rung
from engine.whisper.recognizer import FailingRecognizer, ScriptedRecognizer
from tests.talker import LENGTH_S, RATE, SCRIPT, Forever, pipeline, sound

PATIENCE_S = 20
REST = {State.IDLE, State.FAILED}


class Audience:
    """Takes a session's events and waits for what a test wants to see."""

    def __init__(self):
        self.events = []
        self._queue = queue.SimpleQueue()

    def __call__(self, event):
        self._queue.put(event)

    def until(self, wanted):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self.events.append(self._queue.get(timeout=max(0, deadline - time.monotonic())))
            if wanted(self.events[-1]):
                return self.events[-1]

    def rest(self):
        """Wait for the session's rest; return the states on the way."""
        self.until(lambda event: isinstance(event, StateChange) and event.state in REST)
        return [event.state for event in self.events if isinstance(event, StateChange)]

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


class Endless(ArraySource):
    """Begins again whenever it has ended, and says what it is told to say."""

    live = True

    def __init__(self, *remarks):
        super().__init__(sound(), RATE)
        self.remarks = list(remarks)

    def read(self, timeout_s):
        if self._next is None:
            self.open()
        remarks, self.remarks = self.remarks, []
        return [*remarks, *super().read(timeout_s)]

    @property
    def exhausted(self):
        return False


@pytest.fixture
def audience():
    return Audience()


@pytest.fixture
def session(audience):
    session = Session(make_pipeline=lambda: pipeline(Forever()), send=audience)
    yield session
    assert session.close(PATIENCE_S)


def talk():
    return ArraySource(sound(), RATE, name="talk")


def test_a_source_is_captioned_to_its_end(session, audience):
    session.start(talk())
    assert audience.rest() == [State.LOADING, State.LISTENING, State.STOPPING, State.IDLE]
    assert [word for caption in audience.of(Caption) for word in caption.words] == SCRIPT
    assert session.audio_s == LENGTH_S


def on_a_failing_card(audience, faults, processor):
    """Return a session whose graphics card fails by a script, above a processor."""

    def make_pipeline():
        hears = FailingRecognizer(ScriptedRecognizer(SCRIPT), lambda _: next(faults, None))
        rungs = [Rung("tiny.en", GRAPHICS_CARD, lambda: hears), Rung("tiny.en", PROCESSOR, lambda: processor)]
        return pipeline(LadderRecognizer(rungs, audience, lost=Lost()))

    return Session(make_pipeline=make_pipeline, send=audience)


@pytest.mark.parametrize("error", [OutOfMemory("no memory left"), CudaUnavailable("CUDA error"), KeyError("no words")])
def test_a_processor_that_fails_is_told_before_the_caption_and_ends_nothing(audience, error):
    session = on_a_failing_card(audience, iter([None, None, error]), ScriptedRecognizer(SCRIPT))
    session.start(talk())
    assert audience.rest() == [State.LOADING, State.LISTENING, State.STOPPING, State.IDLE]
    (failure,) = audience.of(Failure)
    assert (failure.kind, failure.fatal) == (type(error).__name__, False)
    at = audience.events.index(failure)
    assert any(isinstance(event, Caption) for event in audience.events[at:])
    assert [word for caption in audience.of(Caption) for word in caption.words] == SCRIPT
    assert session.stats().fallback == "tiny.en on the processor"
    assert session.close(PATIENCE_S)


def test_where_every_processor_fails_the_session_fails_and_says_so(audience):
    exhausted = FailingRecognizer(ScriptedRecognizer(SCRIPT), lambda _: OutOfMemory("no memory left to decode"))
    session = on_a_failing_card(audience, iter([CudaUnavailable("CUDA error")]), exhausted)
    session.start(talk())
    assert audience.rest()[-1] is State.FAILED
    assert [(failure.kind, failure.fatal) for failure in audience.of(Failure)] == [("OutOfMemory", True)]
    assert session.close(PATIENCE_S)


def test_one_source_may_follow_another(session, audience):
    for _ in range(2):
        session.start(talk())
        audience.rest()
    assert [word for caption in audience.of(Caption) for word in caption.words] == SCRIPT * 2


def test_starting_again_stops_what_runs(session, audience):
    session.start(Endless())
    audience.until(lambda event: isinstance(event, Caption))
    session.start(talk())
    assert audience.rest()[-2:] == [State.STOPPING, State.IDLE]
    assert audience.rest()[-1] is State.IDLE


def test_a_stop_makes_the_last_words_final(session, audience):
    session.start(Endless())
    audience.until(lambda event: isinstance(event, Caption) and event.committed)
    session.stop()
    audience.rest()
    assert audience.of(Caption)[-1].final


def test_what_passes_while_paused_is_a_gap(session, audience):
    session.start(Endless())
    audience.until(lambda event: isinstance(event, Caption) and event.committed)
    session.pause()
    audience.until(lambda event: event == StateChange(State.PAUSED))
    assert audience.of(Caption)[-1].final
    session.resume()
    gap = audience.until(lambda event: isinstance(event, Gap))
    assert (gap.reason, gap.stop > gap.start) == ("paused", True)
    audience.until(lambda event: isinstance(event, Caption) and event.committed and event.start >= gap.stop)


def test_a_source_that_loses_its_sound_is_waited_for(session, audience):
    lost, back = Notice(healthy=False, detail="The device is gone."), Notice(healthy=True, detail="Speakers")
    session.start(Endless(lost, back))
    audience.until(lambda event: isinstance(event, Caption))
    assert [(e.state, e.detail) for e in audience.of(StateChange)][2:] == [
        (State.RECOVERING, "The device is gone."),
        (State.LISTENING, "Speakers"),
    ]


def test_stats_tell_how_it_goes(session, audience):
    session.start(Endless())
    stats = audience.until(lambda event: isinstance(event, Stats))
    assert stats.audio_s > 0
    assert stats.updates > 0
    assert session.stats().audio_s >= stats.audio_s


class Broken(ArraySource):
    def __init__(self, error):
        super().__init__(sound(), RATE)
        self.error = error

    def read(self, timeout_s):
        raise self.error


@pytest.mark.parametrize("error", [MediaUnreadable("gone", hint="Plug it in."), OutOfMemory("full"), KeyError("bug")])
def test_whatever_breaks_is_told_and_a_new_start_works(session, audience, error):
    session.start(Broken(error))
    assert audience.rest()[-1] is State.FAILED
    failure = audience.of(Failure)[0]
    assert (failure.kind, failure.fatal) == (type(error).__name__, True)
    session.start(talk())
    assert audience.rest()[-1] is State.IDLE


def test_a_listener_that_breaks_does_not_end_the_thread(audience):
    def moody(event):
        audience(event)
        if isinstance(event, Caption | Failure) and not audience.forgiving:
            raise KeyError(event)

    audience.forgiving = False
    session = Session(make_pipeline=pipeline, send=moody)
    session.start(talk())
    audience.until(lambda event: isinstance(event, Failure))
    audience.forgiving = True
    session.start(talk())
    audience.until(lambda event: event == StateChange(State.IDLE))
    assert session.close(PATIENCE_S)


def test_a_missing_model_is_told(audience):
    def missing():
        raise ModelMissing("no model", hint="Get one.")

    session = Session(make_pipeline=missing, send=audience)
    session.prepare()
    assert audience.rest() == [State.LOADING, State.FAILED]
    assert audience.of(Failure) == [Failure("ModelMissing", "no model", "Get one.", fatal=True)]
    assert session.close(PATIENCE_S)


def journal_in(folder):
    def make(source):
        return Journal.create(folder, title="", source=source.name, model="script", now=datetime.now(UTC))

    return make


def test_what_is_shown_as_final_is_on_disk(tmp_path):
    """The journal is read at the very moment at which each caption arrives."""

    class Witness(Audience):
        def __call__(self, event):
            if isinstance(event, Caption) and event.words:
                kept = Library(tmp_path).read("last").segments[event.segment].text
                assert kept == event.committed
            super().__call__(event)

    audience = Witness()
    session = Session(make_pipeline=pipeline, send=audience, make_journal=journal_in(tmp_path))
    session.start(talk())
    assert audience.rest()[-1] is State.IDLE
    assert session.close(PATIENCE_S)
    assert Library(tmp_path).read(session.transcript_id) == Library(tmp_path).read("last")
    assert Library(tmp_path).sessions()[0].ended


def test_captions_go_on_when_nothing_can_be_kept(audience):
    def full(_source):
        raise DiskFull("no space", hint="Free some.")

    session = Session(make_pipeline=pipeline, send=audience, make_journal=full)
    session.start(talk())
    assert audience.rest()[-1] is State.IDLE
    assert audience.of(Failure) == [Failure("DiskFull", "no space", "Free some.", fatal=False)]
    assert audience.of(Caption)[-1].final
    assert session.close(PATIENCE_S)


def sound_in(folder, disk=None):
    return lambda journal: SoundLog(folder, journal.id, disk)


def keeping(folder, audience, **given):
    """Return a session that keeps its transcript, and what else it is told to keep."""
    given = {"make_journal": journal_in(folder), "correct": Library(folder).correct, **given}
    return Session(make_pipeline=lambda: pipeline(Forever()), send=audience, **given)


@pytest.mark.parametrize("wanted", [False, True])
def test_sound_is_kept_where_it_is_wanted_and_nowhere_else(tmp_path, audience, wanted):
    session = keeping(tmp_path, audience, **({"make_sound": sound_in(tmp_path)} if wanted else {}))
    session.start(talk())
    audience.rest()
    assert session.close(PATIENCE_S)
    assert len(sound_files(tmp_path, session.transcript_id)) == wanted
    assert len(list(tmp_path.iterdir())) == 1 + wanted
    (kept,) = kept_sounds(tmp_path, session.transcript_id, [(0, len(sound()))])
    assert kept.known == wanted * len(sound())
    assert np.array_equal(kept.pcm, wanted * np.round(sound()[:, 0] * 32767).astype(np.int16))


def test_what_passes_while_paused_is_not_kept(tmp_path, audience):
    session = keeping(tmp_path, audience, make_sound=sound_in(tmp_path))
    session.start(Endless())
    audience.until(lambda event: isinstance(event, Caption) and event.committed)
    session.pause()
    audience.until(lambda event: event == StateChange(State.PAUSED))
    session.resume()
    gap = audience.until(lambda event: isinstance(event, Gap))
    audience.until(lambda event: isinstance(event, Caption) and event.committed and event.start >= gap.stop)
    assert session.close(PATIENCE_S)
    assert [file.start for file in sound_files(tmp_path, session.transcript_id)] == [0, gap.stop]
    (before, passed) = kept_sounds(tmp_path, session.transcript_id, [(0, gap.start), (gap.start, gap.stop)])
    assert (before.known, passed.known) == (gap.start, 0)


def test_sound_that_cannot_be_kept_is_told_and_costs_no_word(tmp_path, audience):
    class Full(Room):
        def write(self, fd, line):
            raise OSError(errno.ENOSPC, "no space")

    session = keeping(tmp_path, audience, make_sound=sound_in(tmp_path, Full()))
    session.start(talk())
    audience.rest()
    assert session.close(PATIENCE_S)
    assert [failure.kind for failure in audience.of(Failure)] == ["DiskFull"]
    kept = " ".join(segment.text for segment in Library(tmp_path).read("last").segments)
    assert kept.split() == [word.text.strip() for word in SCRIPT]


def test_a_segment_may_be_corrected_while_the_session_runs_and_afterwards(tmp_path, audience):
    session = keeping(tmp_path, audience)
    session.start(Endless())
    audience.until(lambda event: isinstance(event, Caption) and event.final)
    session.correct(0, "Something else.")
    audience.until(lambda event: isinstance(event, Caption) and event.segment == 2)
    session.stop()
    audience.rest()
    session.correct(1, "")
    assert session.close(PATIENCE_S)
    first, second, third, *_ = Library(tmp_path).read(session.transcript_id).segments
    assert [(each.text, each.corrected) for each in (first, second)] == [("Something else.", True), ("", True)]
    assert third.words
    assert not third.corrected
    assert Library(tmp_path).sessions()[0].ended
    assert not audience.of(Failure)


def test_without_a_transcript_a_correction_is_told_to_be_none(audience):
    session = Session(make_pipeline=pipeline, send=audience)
    session.correct(0, "Something else.")
    assert "no transcript to correct" in audience.until(lambda event: isinstance(event, Failure)).message
    assert session.close(PATIENCE_S)

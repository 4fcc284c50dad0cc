import weakref
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.sources import ArraySource, Pacer
from engine.errors import CudaUnavailable, DeviceError, ModelCorrupt, ModelTooLarge, OutOfMemory, SettingsError
from engine.pipeline import Pipeline
from engine.records import AudioBlock, Caption, Gap, Level, Window
from engine.run import Run
from engine.session import POLL_S
from engine.units import SAMPLE_RATE, samples
from engine.whisper.ladder import GRAPHICS_CARD, PROCESSOR, LadderRecognizer, Lost, Rung
from engine.whisper.recognizer import Context, FailingRecognizer, ScriptedRecognizer, SlowRecognizer
from tests.talker import RATE, SCRIPT, LoudIsSpeech, pipeline, sound

EXHAUSTED = OutOfMemory("no memory left on NVIDIA L4", hint="Choose a smaller model.")
FAILED = CudaUnavailable("NVIDIA L4 failed: CUDA error: unspecified launch failure")
UNFORESEEN = IndexError("said: a secret")
FAULTS = {"exhausted": EXHAUSTED, "lost": FAILED, "unforeseen": UNFORESEEN}
NAMES = ("base", "base in 8 bits", "tiny")


def fresh(error):
    """Return the same error without a past: its traceback would grow from test to test, and hold what it passed."""
    return error and type(error)(*error.args)


class Machine:
    """A graphics card that fails by a script, over a processor that never does.

    Args:
        loads: By the rung's number, what its load fails with.
        windows: By the number of the call, from 0 and over all rungs, what a window fails with.
    """

    def __init__(self, loads=None, windows=None, names=NAMES, **ladder):
        self.loads, self.windows = loads or {}, windows or {}
        self.lost, self.told, self.loaded = Lost(), [], []
        self._calls = count()
        rungs = [Rung(name, GRAPHICS_CARD, lambda at=at: self._load(at)) for at, name in enumerate(names)]
        rungs.append(Rung("base", PROCESSOR, self._slow))
        self.ladder = LadderRecognizer(rungs, self.told.append, lost=self.lost, **ladder)

    def _load(self, at):
        assert not self.lost.reason(GRAPHICS_CARD), "a graphics card that failed is used again"
        self.loaded.append(at)
        if at in self.loads:
            raise fresh(self.loads[at])
        return FailingRecognizer(ScriptedRecognizer(SCRIPT), self._fault)

    def _fault(self, _window):
        assert not self.lost.reason(GRAPHICS_CARD), "a graphics card that failed is used again"
        return fresh(self.windows.get(next(self._calls)))

    def _slow(self):
        self.loaded.append("processor")
        return ScriptedRecognizer(SCRIPT)

    def captions(self):
        captioning = pipeline(self.ladder)
        return captioning.feed(AudioBlock(sound(), RATE)) + captioning.finish()


def undisturbed():
    captioning = pipeline()
    return captioning.feed(AudioBlock(sound(), RATE)) + captioning.finish()


@settings(deadline=None, max_examples=15)
@given(
    st.dictionaries(st.integers(0, 2), st.sampled_from(list(FAULTS.values()))),
    st.dictionaries(st.integers(0, 40), st.sampled_from(list(FAULTS.values()))),
)
def test_whatever_fails_wherever_the_captions_are_the_same(loads, windows):
    machine = Machine(loads, windows)
    started = len(machine.told)
    assert started == (machine.loaded != [0])
    events = machine.captions()
    assert events == undisturbed()
    assert len(machine.told) <= len(machine.loaded)
    assert machine.ladder.fallback == (str(machine.ladder.rung) if machine.told else "")
    if machine.told:
        assert machine.told[-1].message.endswith(f"captions now come from {machine.ladder.rung}")
    assert not any(failure.fatal for failure in machine.told)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("at", [*range(9), "load"])
def test_one_fault_is_one_step_and_one_message(fault, at):
    machine = Machine({0: fault}) if at == "load" else Machine(windows={at: fault})
    assert machine.captions() == undisturbed()
    (told,) = machine.told
    assert told.kind == type(fault).__name__
    if fault is EXHAUSTED:
        assert (
            told.message
            == "the graphics card ran out of memory: captions now come from base in 8 bits on the graphics card"
        )
        assert machine.loaded == [0, 1]
    else:
        assert told.message == "the graphics card failed: captions now come from base on the processor"
        assert machine.loaded == [0, "processor"]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_that_comes_back_ends_on_the_processor(fault):
    machine = Machine(windows=dict.fromkeys(range(1000), fault))
    assert machine.captions() == undisturbed()
    assert machine.ladder.rung.processor == PROCESSOR
    assert len(machine.told) == 1, "one window saw all of it: one change"


def test_what_happens_between_two_captions_is_told_once():
    machine = Machine({1: EXHAUSTED, 2: FAILED}, {3: EXHAUSTED})
    assert machine.captions() == undisturbed()
    assert [failure.message for failure in machine.told] == [
        "the graphics card ran out of memory: captions now come from base on the processor"
    ]


def test_what_happens_one_after_another_is_told_each_time():
    machine = Machine(windows={1: EXHAUSTED, 4: EXHAUSTED, 7: FAILED})
    machine.captions()
    assert [failure.message.rpartition("from ")[2] for failure in machine.told] == [
        "base in 8 bits on the graphics card",
        "tiny on the graphics card",
        "base on the processor",
    ]
    assert machine.loaded == [0, 1, 2, "processor"]


def test_another_ladder_never_loads_onto_what_was_lost():
    machine = Machine(windows={0: FAILED})
    machine.captions()
    told = []
    rungs = [Rung("base", GRAPHICS_CARD, pytest.fail), Rung("tiny", PROCESSOR, machine._slow)]
    ladder = LadderRecognizer(rungs, told.append, lost=machine.lost)
    assert ladder.fallback == "tiny on the processor"
    assert told == [], "it was told when it happened"
    with pytest.raises(CudaUnavailable, match="unspecified launch failure"):
        LadderRecognizer(rungs[:1], told.append, lost=machine.lost)


def test_who_demands_the_graphics_card_is_refused_without_it_and_still_goes_on_when_it_fails():
    with pytest.raises(CudaUnavailable):
        Machine({0: FAILED}, demanded=3)
    with pytest.raises(OutOfMemory):
        Machine(dict.fromkeys(range(3), EXHAUSTED), demanded=3)
    machine = Machine(windows={2: FAILED}, demanded=3)
    assert machine.captions() == undisturbed()
    assert machine.ladder.rung.processor == PROCESSOR


@pytest.mark.parametrize("error", [ModelCorrupt("damaged"), SettingsError("too many terms")])
def test_what_would_fail_on_every_rung_is_raised_from_the_first(error):
    with pytest.raises(type(error)):
        Machine({0: error})


def test_a_model_too_large_for_memory_steps_down():
    machine = Machine({0: ModelTooLarge("base does not fit")})
    assert machine.loaded == [0, 1]


WINDOW = Window(np.zeros(samples(1), np.float32), 0)


@pytest.mark.parametrize("error", [EXHAUSTED, DeviceError("the processor"), UNFORESEEN])
def test_the_last_rung_raises_and_may_be_asked_again(error):
    faults = iter([error, None])
    told = []
    recognizer = FailingRecognizer(ScriptedRecognizer(SCRIPT), lambda _: next(faults))
    ladder = LadderRecognizer([Rung("tiny", PROCESSOR, lambda: recognizer)], told.append, lost=Lost())
    with pytest.raises(type(error)):
        ladder.recognize(WINDOW)
    assert ladder.recognize(WINDOW) == ScriptedRecognizer(SCRIPT).recognize(WINDOW)
    assert told == []


def test_the_words_of_an_unforeseen_error_are_nowhere(caplog):
    machine = Machine(windows={2: UNFORESEEN})
    machine.captions()
    (told,) = machine.told
    assert "secret" not in caplog.text + str(told)
    assert "IndexError in recognizer.py" in told.hint


class Heavy(FailingRecognizer):
    """Can be looked for in memory."""

    __slots__ = ("__weakref__",)


@pytest.mark.parametrize(("kind", "is_kept"), [(OutOfMemory, False), (CudaUnavailable, True)])
def test_memory_is_free_before_the_next_rung_asks_for_it_unless_its_context_failed(kind, is_kept):
    held = []

    def heavy():
        recognizer = Heavy(ScriptedRecognizer(SCRIPT), lambda _: kind("no"))
        held.append(weakref.ref(recognizer))
        return recognizer

    def light():
        assert (held[0]() is not None) == is_kept, (
            "freeing it calls into what failed" if is_kept else "it is still held"
        )
        return ScriptedRecognizer(SCRIPT)

    lost = Lost()
    rungs = [Rung("base", GRAPHICS_CARD, heavy), Rung("tiny", PROCESSOR, light)]
    ladder = LadderRecognizer(rungs, lambda _: None, lost=lost)
    ladder.recognize(WINDOW)
    assert ladder.fallback == "tiny on the processor"


class Clocked:
    """Plays the conversation in real time by a clock of its own; the graphics card fails, and loading takes a while."""

    def __init__(self, load_s):
        self.now_s, self.events, self.levels, self.load_s = 0.0, [], [], load_s
        fast = SlowRecognizer(ScriptedRecognizer(SCRIPT), lambda _: 0.05, self._wait)
        rungs = [
            Rung("base", GRAPHICS_CARD, lambda: FailingRecognizer(fast, self._fault)),
            Rung("base", PROCESSOR, self._load),
        ]
        ladder = LadderRecognizer(rungs, self.events.append, lost=Lost())
        captioning = Pipeline(ladder, detector=LoudIsSpeech(), clock=lambda: self.now_s)
        run = Run(captioning, None, self.events.append, lambda *_: None, live=True)
        source = ArraySource(sound()[:, 0], SAMPLE_RATE, pacer=Pacer(lambda: self.now_s, self._wait))
        source.open()
        while not source.exhausted:
            run.take(source.read(POLL_S))
            self.levels.append(run.stats.level)
        run.finish()

    def _wait(self, duration_s):
        self.now_s += duration_s

    def _fault(self, window):
        return FAILED if window.stop > samples(3.0) else None

    def _load(self):
        self._wait(self.load_s)
        return SlowRecognizer(ScriptedRecognizer(SCRIPT, context=Context.SHORT), lambda _: 0.2, self._wait)


@pytest.mark.parametrize("load_s", [0.5, 3.0, 8.0])
def test_sound_that_comes_while_the_next_rung_loads_is_captioned(load_s):
    """What it waits for is no slowness of the machine: nothing is left out, and nothing else is given up or told."""
    clocked = Clocked(load_s)
    words = [word for event in clocked.events if isinstance(event, Caption) for word in event.words]
    assert words == SCRIPT
    assert not any(isinstance(event, Gap) for event in clocked.events)
    assert set(clocked.levels) == {Level.NORMAL}

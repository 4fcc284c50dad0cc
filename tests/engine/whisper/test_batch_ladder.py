"""Whole recordings lose nothing when the processor under them fails, and end in a sentence where none is below."""

import threading
from concurrent.futures import Future, wait

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import CudaUnavailable, ModelCorrupt, OutOfMemory
from engine.records import Hypothesis, Window, Word
from engine.units import samples
from engine.whisper.batch import BatchRecognizer
from engine.whisper.batch_ladder import LadderBatchRecognizer
from engine.whisper.ladder import GRAPHICS_CARD, PROCESSOR, Lost, Rung
from engine.whisper.recognizer import Context
from engine.whisper.several import SeveralBatchRecognizer

FAULTS = {
    "exhausted": OutOfMemory("no memory left on NVIDIA L4"),
    "lost": CudaUnavailable("NVIDIA L4 failed: CUDA error: unspecified launch failure"),
    "unforeseen": IndexError("said: a secret"),
}


class Answering:
    """Answers on threads of its own with where a window begins, until it fails, and all that it has with it.

    Args:
        fault: What it fails with; None never.
        after: So many windows are answered before.
    """

    context, languages = Context.SHORT, ("en",)

    def __init__(self, fault=None, after=0, ahead=4):
        self.fault, self.left, self.ahead, self.closed, self.taken = fault, after, ahead, False, 0

    def submit(self, window):
        assert not self.closed
        future, self.taken = Future(), self.taken + 1
        fails = self.fault is not None and self.left <= 0
        self.left -= 1
        heard = Hypothesis((Word(str(window.start), 0, 1, 1.0),), "en", 1.0, 0.0, 0.0)
        answer = (future.set_exception, type(self.fault)(*self.fault.args)) if fails else (future.set_result, heard)
        threading.Thread(target=answer[0], args=answer[1:]).start()
        return future

    def close(self):
        self.closed = True


def window(start):
    return Window(np.zeros(samples(0.1), np.float32), start)


def ladder(members, told, lost=None, *, below=True):
    rungs = [Rung(f"rung {at}", GRAPHICS_CARD, lambda each=each: each) for at, each in enumerate(members)]
    rungs += [Rung("base", PROCESSOR, Answering)] if below else []
    return LadderBatchRecognizer(rungs, told.append, lost=lost or Lost())


def heard(future):
    return [word.text for word in future.result(timeout=20).words]


@pytest.mark.parametrize("fault", FAULTS)
@given(count=st.integers(1, 12), afters=st.lists(st.integers(0, 6), min_size=1, max_size=3))
@settings(max_examples=15, deadline=None)
def test_every_window_is_answered_whatever_fails(fault, count, afters):
    told, members = [], [Answering(FAULTS[fault], after) for after in afters]
    recognizer = ladder(members, told)
    assert isinstance(recognizer, BatchRecognizer)
    futures = [recognizer.submit(window(start)) for start in range(count)]
    assert [heard(future) for future in futures] == [[str(start)] for start in range(count)]
    recognizer.close()
    steps = sum(each.closed for each in members) - (recognizer.rung.processor == GRAPHICS_CARD)
    assert len(told) == steps
    if told and fault != "exhausted":
        assert recognizer.rung.processor == PROCESSOR
    assert all("secret" not in failure.message + failure.hint for failure in told)


@pytest.mark.parametrize("fault", FAULTS)
def test_where_none_is_below_every_window_that_waits_is_told_in_one_sentence(fault):
    recognizer = ladder([Answering(FAULTS[fault])], told := [], below=False)
    futures = [recognizer.submit(window(start)) for start in range(5)]
    wait(futures, timeout=20)
    for future in futures:
        error = future.exception(timeout=0)
        assert isinstance(error, CudaUnavailable)
        assert error.hint
    assert told == []
    recognizer.close()


def test_a_model_that_is_wrong_is_wrong_on_every_rung():
    recognizer = ladder([Answering(ModelCorrupt("it has no weights"))], told := [])
    with pytest.raises(ModelCorrupt):
        recognizer.submit(window(0)).result(timeout=20)
    assert told == []
    recognizer.close()


def test_closing_gives_up_what_waits():
    class Silent(Answering):
        def submit(self, window):
            return Future()

    recognizer = ladder([Silent()], [])
    future = recognizer.submit(window(0))
    recognizer.close()
    assert future.cancelled()


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 40))
@settings(deadline=None)
def test_windows_go_to_the_one_with_most_room(aheads, count):
    class Silent(Answering):
        def submit(self, window):
            self.taken += 1
            return Future()

    members = [Silent(ahead=ahead) for ahead in aheads]
    several = SeveralBatchRecognizer(members)
    for start in range(min(count, several.ahead)):
        several.submit(window(start))
    assert all(each.taken <= each.ahead for each in members)
    assert several.ahead == sum(aheads)
    several.close()
    assert all(each.closed for each in members)


def test_room_comes_back_with_an_answer():
    members = [Answering(ahead=1), Answering(ahead=1)]
    several = SeveralBatchRecognizer(members)
    for start in range(6):
        assert heard(several.submit(window(start))) == [str(start)]
    assert several._busy == [0, 0]

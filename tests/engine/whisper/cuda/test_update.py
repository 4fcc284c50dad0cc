"""A whole live update in the order that a GPU would do it: nothing is read too soon, and the host waits once."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (./run gpu test)")

from engine.records import Window, Word  # noqa: E402
from engine.settings import EngineSettings  # noqa: E402
from engine.units import samples  # noqa: E402
from engine.whisper.cuda.proof.recording import RecordingDevice  # noqa: E402
from engine.whisper.cuda.recognizer import CudaRecognizer  # noqa: E402
from engine.whisper.recognizer import Context  # noqa: E402
from tests.benchmarks import random_weights  # noqa: E402
from tests.whispers import folder  # noqa: E402

SOUND = (0.1 * np.random.default_rng(0).standard_normal(samples(4.0))).astype(np.float32)
PREFIX = (Word(" And", 0, samples(0.5), 0.9), Word(" so", samples(0.5), samples(0.8), 0.9))


@cache
def model(directory, place):
    """Return a multilingual model of random weights whose texts end behind a place of the decoder."""
    made = random_weights.write(directory / str(place), random_weights.MINIATURE, folder("base"))
    random_weights.end_at(made, place, end=50257)
    return made


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


def windows(start_s):
    """Return updates of new sound: plain, in a language to be heard, with all that may be told, wide."""
    start = samples(start_s)
    moved = tuple(Word(word.text, start + word.start, start + word.stop, 0.9) for word in PREFIX)
    return [
        Window(SOUND[: samples(2.0)], start, language="en"),
        Window(SOUND[: samples(3.0)], start, language="auto"),
        Window(SOUND[: samples(2.0)], start, " It was fine.", moved, language="en"),
        Window(SOUND[: samples(2.0)], start, language="en", thorough=True),
    ]


@pytest.mark.model
@pytest.mark.parametrize(
    ("context", "kinds"),
    [(Context.SHORT, slice(None)), (Context.FILLED, slice(1, 3))],  # the decoder's way is the same
    ids=["short", "filled"],
)
def test_an_update_is_in_order_and_the_host_waits_once(directory, context, kinds):
    """Without a draft: those of random weights are wrong, and then more steps are needed than were launched."""
    settings = EngineSettings(beam=2)
    with RecordingDevice() as device:
        recognizer = CudaRecognizer(model(directory, 14), context, settings, device, drafts=False)
        for heard in windows(0.0)[kinds]:
            recognizer.recognize(heard)
        for number, heard in enumerate(windows(60.0)[kinds]):
            with device.update(f"update {number}"):
                recognizer.recognize(heard)
    assert not device.faults()
    assert recognizer.counts.written > 0


@pytest.mark.model
def test_an_update_that_begins_with_a_draft_is_in_order_and_waits_once(directory):
    """What was heard before is right where the same is heard again; then the wide search, which takes no draft."""
    plain = Window(SOUND[: samples(2.0)], 0, language="en")
    wide = replace(plain, thorough=True)
    with RecordingDevice() as device:
        recognizer = CudaRecognizer(model(directory, 14), Context.SHORT, EngineSettings(beam=2), device)
        for heard in (plain, wide, plain, plain):
            recognizer.recognize(heard)
        accepted = recognizer.counts.accepted
        for heard in (plain, wide):
            with device.update(f"thorough: {heard.thorough}"):
                recognizer.recognize(heard)
    assert recognizer.counts.accepted > accepted > 0
    assert not device.faults()


@pytest.mark.model
def test_a_text_that_goes_on_is_waited_for_more_than_once_and_is_in_order(directory):
    """Steps for 12 tokens are launched before the first look, and 26 are written."""
    with RecordingDevice() as device:
        recognizer = CudaRecognizer(model(directory, 30), Context.SHORT, EngineSettings(beam=1), device, drafts=False)
        first = Window(SOUND[: samples(2.0)], 0, language="en")
        recognizer.recognize(first)
        counts = recognizer.counts
        reads = counts.reads
        assert reads > 2
        with device.update("a long one", waits=reads):
            recognizer.recognize(first)
        assert counts.reads == 2 * reads
    assert not device.faults()

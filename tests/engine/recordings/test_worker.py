"""A worker without its cluster: what it says, and of what it cannot find."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import errors
from engine.errors import MediaUnreadable, ModelMissing
from engine.recordings.worker import Work, Worker, retold, told
from engine.settings import TASKS, EngineSettings
from engine.whisper.recognizer import Context
from tests import material

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.EngineError)]
TERMS = st.lists(st.text("abcdeåß", min_size=1, max_size=9), max_size=3, unique=True).map(tuple)


@given(kind=st.sampled_from(KINDS), message=st.text(), hint=st.text())
def test_an_error_is_retold_as_it_was(kind, message, hint):
    error = retold(json.loads(json.dumps(told(kind(message, hint=hint)))))
    assert type(error) is kind
    assert (str(error), error.hint) == (message, hint)


def test_an_error_that_is_not_known_here_keeps_its_sentence():
    error = retold({"kind": "FromTheFuture", "message": "it", "hint": "Wait."})
    assert type(error) is errors.EngineError
    assert error.sentence == "it. Wait."


@given(
    context=st.sampled_from([Context.SHORT, Context.FILLED, Context.PADDED]),
    task=st.sampled_from(TASKS),
    vocabulary=TERMS,
    threads=st.integers(0, 64),
    beam=st.integers(1, 10),
)
def test_what_a_worker_is_told_is_what_was_said(context, task, vocabulary, threads, beam):
    settings = EngineSettings(task=task, vocabulary=vocabulary, threads=threads, beam=beam)
    work = Work(Path("/models/of mine"), context, settings, "mixed")
    assert Work.read(json.loads(json.dumps(work.said()))) == work


def test_a_model_that_no_worker_sees_stops_everything(tmp_path):
    worker = Worker(Work(tmp_path / "none", Context.SHORT, EngineSettings(), "en").said())
    error = retold(worker.answer("a.wav")["unable"])
    assert isinstance(error, ModelMissing)
    assert "on the worker" in str(error)
    assert "under the same path" in error.hint


@pytest.mark.model
def test_a_recording_that_the_worker_does_not_see_is_told_with_its_mend(tmp_path):
    model = material.engine("tiny.en").installed
    worker = Worker(Work(model.path, model.context, EngineSettings(threads=1), "en").said())
    error = retold(worker.answer(str(tmp_path / "elsewhere.wav"))["error"])
    assert isinstance(error, MediaUnreadable)
    assert "elsewhere.wav cannot be seen from the worker" in str(error)
    assert "under the same path" in error.hint

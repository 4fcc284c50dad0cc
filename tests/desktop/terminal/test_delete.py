import argparse

import pytest

from desktop.terminal import delete
from engine.errors import EngineError
from engine.transcript.library import Library
from tests.engine.transcript.said import begin, caption, said


def run(*words):
    parser = argparse.ArgumentParser()
    delete.configure(parser)
    return delete.run(parser.parse_args([str(word) for word in words]))


@pytest.fixture
def kept(tmp_path):
    """A folder with one transcript, and with what somebody else put there."""
    journal = begin(tmp_path)
    journal.caption(caption(0, said("Not for keeping.")))
    journal.close()
    (tmp_path / "notes.txt").write_text("mine")
    return tmp_path


def test_what_is_named_whole_is_gone_and_the_rest_stays(kept, capsys):
    session = Library(kept).resolve("last")
    assert run(session, "--from", kept) == 0
    assert capsys.readouterr().err == f"{session} was deleted.\n"
    assert [path.name for path in kept.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("less", ["last", "beginning", "19990101-000000"])
def test_nothing_is_deleted_by_less_than_its_name(kept, less):
    session = Library(kept).resolve("last")
    with pytest.raises(EngineError) as caught:
        run(session[:-1] if less == "beginning" else less, "--from", kept)
    assert caught.value.hint
    assert less == "19990101-000000" or session in caught.value.hint
    assert Library(kept).read(session).segments

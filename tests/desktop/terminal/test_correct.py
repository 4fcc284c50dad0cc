import argparse
import json

import pytest

from desktop.terminal import correct, export
from engine.errors import EngineError
from engine.transcript.library import Library
from tests.engine.transcript.said import begin, caption, said


def run(command, *words):
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


@pytest.fixture
def exported(tmp_path):
    """A transcript of three segments in a folder, and its export."""
    journal = begin(tmp_path / "kept")
    for number, text in enumerate(["He sales on Sunday.", "So do I.", "Thank you."]):
        journal.caption(caption(number, said(text, start=number * 80_000)))
    journal.close()
    run(export, "last", "--format", "json", "--output", tmp_path / "last.json", "--from", tmp_path / "kept")
    return tmp_path / "kept", tmp_path / "last.json"


def test_what_was_corrected_in_an_export_is_taken_back_and_the_rest_left_alone(exported, capsys):
    folder, path = exported
    content = json.loads(path.read_text())
    content["segments"][0]["text"], content["segments"][2]["text"] = "He sails on Sunday.", ""
    path.write_text(json.dumps(content))
    for told in ("2 of 3", "0 of 3"):
        assert run(correct, "last", path, "--from", folder) == 0
        assert capsys.readouterr().err.endswith(f"{told} segments were corrected.\n")
    segments = Library(folder).read("last").segments
    assert [(each.text, each.corrected) for each in segments] == [
        ("He sails on Sunday.", True),
        ("So do I.", False),
        ("", True),
    ]
    assert segments[1].words


@pytest.mark.parametrize("content", [None, b"{}", b"\xff", "of another"], ids=str)
def test_what_is_no_export_of_the_session_is_refused_with_its_mend(exported, content):
    folder, path = exported
    if content is None:
        path.unlink()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(path.read_text().replace(Library(folder).resolve("last"), "19990101-000000"))
    with pytest.raises(EngineError) as caught:
        run(correct, "last", path, "--from", folder)
    assert caught.value.hint
    assert not any(each.corrected for each in Library(folder).read("last").segments)

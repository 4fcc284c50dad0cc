"""Sessions listed, named, recovered, gone on with, deleted."""

from datetime import timedelta

import pytest

from engine.errors import SessionUnknown, TranscriptError
from engine.transcript.journal import Journal
from engine.transcript.library import Library
from tests.engine.transcript.said import ID, NOW, begin, caption, said


def session(folder, minute, *, close=True):
    now = NOW + timedelta(minutes=minute)
    journal = Journal.create(folder, title=f"at {minute}", source="a device", model="tiny.en", now=now)
    journal.caption(caption(0, said("one two three")))
    if close:
        journal.close()
    return journal


def test_a_folder_that_does_not_exist_holds_no_sessions(tmp_path):
    assert Library(tmp_path / "none").sessions() == []


def test_sessions_are_listed_newest_first(tmp_path):
    for minute in (1, 3, 2):
        session(tmp_path, minute)
    assert [summary.title for summary in Library(tmp_path).sessions()] == ["at 3", "at 2", "at 1"]


def test_a_summary_says_how_long_how_much_and_how_it_ended(tmp_path):
    session(tmp_path, 0)
    (summary,) = Library(tmp_path).sessions()
    assert (summary.id, summary.source, summary.started) == (ID, "a device", NOW)
    assert (summary.words, summary.duration_ms, summary.ended, summary.live) == (3, 950, True, False)


def test_two_sessions_of_one_second_have_two_names(tmp_path):
    first, second = session(tmp_path, 0), session(tmp_path, 0)
    assert (first.id, second.id) == (ID, f"{ID}-2")
    assert Library(tmp_path).resolve(ID) == ID


def test_a_running_session_is_live_and_can_be_read(tmp_path):
    session(tmp_path, 0, close=False)
    journal = session(tmp_path, 1, close=False)
    library = Library(tmp_path)
    assert library.sessions()[0].live
    assert library.read("last").segments[0].text == "one two three"
    assert not library.read("last").ended
    with pytest.raises(TranscriptError, match="being written"):
        library.delete("last")
    with pytest.raises(TranscriptError, match="in use"):
        library.reopen("last")
    journal.close()


def test_a_broken_off_session_is_listed_as_neither_live_nor_ended(tmp_path):
    session(tmp_path, 0)
    path = tmp_path / f"{ID}.jsonl"
    path.write_bytes(path.read_bytes()[:-30])  # torn in the line that ends it
    (summary,) = Library(tmp_path).sessions()
    assert (summary.ended, summary.live, summary.words, summary.duration_ms) == (False, False, 3, 950)


@pytest.mark.parametrize("name", [f"{NOW:%Y%m%d-%H%M}", "2025", "last"])
def test_a_name_may_be_shortened(tmp_path, name):
    session(tmp_path, 0)
    assert Library(tmp_path).resolve(name) == ID


@pytest.mark.parametrize(
    ("name", "hint"),
    [("2025", f"Say which: {ID}, {ID[:-4]}4600."), ("1999", "List the sessions"), ("", "List"), ("../x", "List")],
)
def test_a_name_of_none_or_of_several_is_refused_with_its_mend(tmp_path, name, hint):
    session(tmp_path, 0)
    session(tmp_path, 1)
    with pytest.raises(SessionUnknown) as caught:
        Library(tmp_path).read(name)
    assert hint in caught.value.hint


def test_last_of_nothing_is_refused(tmp_path):
    with pytest.raises(SessionUnknown, match="no session"):
        Library(tmp_path).read("last")


def test_a_torn_tail_is_closed_before_a_session_goes_on(tmp_path):
    session(tmp_path, 0)
    path = tmp_path / f"{ID}.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    journal = Library(tmp_path).reopen(ID)
    journal.note("found again")
    journal.edit(0, "one two")
    journal.close()
    transcript = Library(tmp_path).read(ID)
    assert transcript.ended
    assert [note.text for note in transcript.notes] == ["found again"]
    assert transcript.notes[0].at_ms == 950
    assert transcript.segments[0].text == "one two"
    assert Library(tmp_path).sessions()[0].ended


def test_deleting_leaves_nothing(tmp_path):
    begin(tmp_path).close()
    (tmp_path / f"{ID}.1.jsonl").write_bytes(b"")
    Library(tmp_path).delete("last")
    assert list(tmp_path.iterdir()) == []

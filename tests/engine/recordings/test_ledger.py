import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import TranscriptError
from engine.recordings.hearing import Heard
from engine.recordings.ledger import Ledger, output
from engine.records import Doubt, Withheld, Word

words = st.builds(Word, st.text(max_size=8), st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1))
spans = st.integers(0, 10**9)
withheld = st.builds(Withheld, spans, spans, st.text(max_size=8), st.sampled_from(Doubt))
takes = st.builds(
    Heard,
    st.lists(words, max_size=4).map(tuple),
    st.just("en"),
    st.floats(0, 1),
    st.lists(withheld, max_size=2).map(tuple),
)
SETTINGS = {"model": "tiny.en"}


@pytest.fixture
def place(tmp_path_factory):
    """Return a folder, a recording in it, and where its transcript goes."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "talk.mp3").write_bytes(b"sound")
    return folder


def ledger(folder, settings=SETTINGS):
    return Ledger(folder / "ledgers", folder / "talk.mp3", folder / "talk", settings)


def kept(folder, heard):
    book = ledger(folder)
    for one in heard:
        book.keep(one)
    book.close()
    return book


@settings(max_examples=25, deadline=None)
@given(st.lists(takes, max_size=5), st.floats(0, 1))
def test_a_ledger_that_breaks_off_has_every_whole_take_before(tmp_path_factory, heard, at):
    folder = tmp_path_factory.mktemp("broken")
    (folder / "talk.mp3").write_bytes(b"sound")
    kept(folder, heard)
    for path in (folder / "ledgers").glob("*"):
        data = path.read_bytes()
        cut = data[: round(at * len(data))]
        path.write_bytes(cut)
        count = cut.count(b"\n") - 1
        again = ledger(folder)
        assert list(again.finished)[: max(0, count)] == heard[: max(0, count)]
        assert len(again.finished) <= max(0, count) + 1  # the last may lack nothing but its line feed
        for one in heard[len(again.finished) :]:
            again.keep(one)
        again.close()
        assert list(ledger(folder).finished) == heard


def test_other_settings_and_another_recording_begin_anew(place):
    one = Heard((Word(" a", 0, 1, 0.5),), "en", 1.0)
    kept(place, [one])
    assert ledger(place).finished == (one,)
    assert ledger(place, {"model": "base"}).finished == ()
    (place / "talk.mp3").write_bytes(b"another sound")
    assert ledger(place).finished == ()


def test_what_is_written_is_known_until_it_is_changed(place):
    book = kept(place, [Heard((Word(" secret", 0, 1, 0.5),), "en", 1.0)])
    assert not book.written(["txt"])
    book.begin(["txt", "srt"])
    for ending in ("txt", "srt"):
        output(place / "talk", ending).write_text("secret")
    book.end(["txt", "srt"])
    done = ledger(place)
    assert done.written(["txt"])
    assert done.written(["txt", "srt"])
    assert not done.written(["txt", "vtt"])
    assert done.finished == ()
    assert b"secret" not in b"".join(path.read_bytes() for path in (place / "ledgers").iterdir())
    output(place / "talk", "txt").write_text("corrected by hand")
    changed = ledger(place)
    assert not changed.written(["txt"])
    assert changed.foreign(["txt", "srt"]) == [output(place / "talk", "txt")]


def test_what_lay_there_before_is_foreign_and_what_was_being_written_is_not(place):
    output(place / "talk", "txt").write_text("notes of mine")
    assert ledger(place).foreign(["txt", "srt"]) == [output(place / "talk", "txt")]
    book = ledger(place)
    book.begin(["txt"])
    book.close()
    assert ledger(place).foreign(["txt"]) == []


def test_a_recording_on_its_way_elsewhere_is_told(place):
    book = ledger(place)
    book.keep(Heard((), "en", 1.0))
    with pytest.raises(TranscriptError, match="in use"):
        ledger(place).keep(Heard((), "en", 1.0))
    book.close()


def test_a_recording_that_is_not_there_is_told(tmp_path):
    with pytest.raises(TranscriptError, match="cannot be read"):
        Ledger(tmp_path, tmp_path / "nothing.mp3", tmp_path / "nothing", SETTINGS)

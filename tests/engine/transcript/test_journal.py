"""The journal's format, and that replay tells what was told, whatever happens to the bytes."""

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import JournalCorrupt, TranscriptError
from engine.records import Gap, Word
from engine.transcript.journal import Journal, decode, encode, read_lines
from engine.transcript.library import Library
from engine.transcript.replay import replay
from tests.engine.transcript.said import ID, NOW, UNHURRIED, LiveModel, begin, caption, said, sessions, tell


def lines(folder):
    return [line[9:] for line in (folder / f"{ID}.jsonl").read_bytes().splitlines()]


def records(folder):
    return [json.loads(line) for line in lines(folder)]


@UNHURRIED
@given(events=sessions())
def test_replay_equals_the_live_model(events):
    with TemporaryDirectory() as folder:
        journal, model = begin(Path(folder)), LiveModel()
        for event in events:
            tell(journal, event)
            model.take(event)
            assert Library(Path(folder)).read(ID) == model.transcript()
        journal.close()
        assert Library(Path(folder)).read(ID) == model.transcript(ended=True)


@UNHURRIED
@given(events=sessions(), data=st.data())
def test_replay_equals_the_live_model_after_any_truncation(events, data):
    with TemporaryDirectory() as folder:
        journal, model, path = begin(Path(folder)), LiveModel(), Path(folder, f"{ID}.jsonl")
        known = [(path.stat().st_size, model.transcript())]
        for event in events:
            tell(journal, event)
            model.take(event)
            known.append((path.stat().st_size, model.transcript()))
        journal.close()
        cut = data.draw(st.integers(known[0][0], known[-1][0]))
        os.truncate(path, cut)
        whole = [transcript for size, transcript in known if size - 1 <= cut]  # the LF itself may be missing
        assert Library(Path(folder)).read(ID) == whole[-1]


@UNHURRIED
@given(events=sessions(), data=st.data())
def test_every_intact_line_survives_random_damage(events, data):
    with TemporaryDirectory() as folder:
        journal, path = begin(Path(folder)), Path(folder, f"{ID}.jsonl")
        for event in events:
            tell(journal, event)
        journal.close()
        whole = path.read_bytes()
        at = st.integers(0, len(whole) - 1)
        damage = data.draw(st.dictionaries(at, st.integers(1, 255), max_size=8))
        damaged = bytes(byte ^ damage.get(index, 0) for index, byte in enumerate(whole))
        path.write_bytes(damaged)
        kept, offset = [], 0
        for line in whole.splitlines(keepends=True):
            before = offset - 1 if offset else offset  # a lost LF takes the line after it along
            if not any(index in damage for index in range(before, offset + len(line))):
                kept.append(decode(line[:-1]))
            offset += len(line)
        read = list(read_lines([path]))
        assert [record for record in read if record in kept] == kept
        assert all(record in map(decode, whole.split(b"\n")) for record in read)


@UNHURRIED
@given(st.binary(max_size=200))
def test_no_bytes_upset_the_reader(noise):
    with TemporaryDirectory() as folder:
        Path(folder, f"{ID}.jsonl").write_bytes(noise)
        with pytest.raises(JournalCorrupt):
            Library(Path(folder)).read(ID)
        assert Library(Path(folder)).sessions() == []


def test_a_line_is_a_checksum_a_blank_and_one_json_object(tmp_path):
    journal = begin(tmp_path)
    journal.note("Grüße \u2028 \n")
    first, second = (tmp_path / f"{ID}.jsonl").read_bytes().removesuffix(b"\n").split(b"\n")
    header = (
        b'{"type":"hdr","n":0,"version":1,"title":"Title","started":"2025-01-31T17:45:00.000+00:00",'
        b'"source":"a device","model":"tiny.en"}'
    )
    assert first == b"%08x %b" % (zlib.crc32(header), header)
    assert second[9:].decode() == '{"type":"note","n":1,"at_ms":0,"text":"Grüße \u2028 \\n"}'


def test_word_times_stand_only_in_the_final_line_of_a_segment(tmp_path):
    journal = begin(tmp_path)
    words = said("one two")
    journal.caption(caption(0, words[:1], final=False))
    journal.caption(caption(0, words, new=1))
    first, final = records(tmp_path)[1:]
    assert "words" not in first
    assert (first["rev"], final["rev"]) == (0, 1)
    assert final["words"] == [["one", 0, 250, 0.9], [" two", 350, 600, 0.9]]
    assert (final["start_ms"], final["end_ms"]) == (0, 600)


def test_what_commits_nothing_is_not_written(tmp_path):
    journal = begin(tmp_path)
    journal.caption(caption(0, [], final=False))
    journal.caption(caption(0, []))
    journal.caption(caption(1, said("one"), new=0, final=False))
    assert len(lines(tmp_path)) == 1


def test_a_probability_that_is_none_does_not_cost_the_word(tmp_path):
    journal = begin(tmp_path)
    journal.caption(caption(0, [Word("so", 0, 100, float("nan"))]))
    assert Library(tmp_path).read(ID).segments[0].words[0].probability == 0


def test_every_kind_of_line_keeps_to_the_format(tmp_path):
    journal = begin(tmp_path)
    journal.caption(caption(0, said("one")))
    journal.gap(Gap(16_000, 32_000, "stalled"))
    journal.device("another")
    journal.clock(NOW)
    journal.edit(0, "won")
    journal.close()
    journal.close()
    assert [record["type"] for record in records(tmp_path)] == "hdr seg gap device clock edit end".split()
    assert [record["n"] for record in records(tmp_path)] == list(range(7))
    assert records(tmp_path)[-1] == {"type": "end", "n": 6, "end_ms": 2000, "words": 1}
    edited = Library(tmp_path).read(ID).segments[0]
    assert (edited.text, edited.words) == ("won", ())


@pytest.mark.parametrize("umask", [0, 0o77, 0o777])
def test_only_the_owner_can_read_it_whatever_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        begin(tmp_path / "sessions").close()
    finally:
        os.umask(before)
    assert (tmp_path / "sessions").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "sessions" / f"{ID}.jsonl").stat().st_mode & 0o777 == 0o600


def test_half_a_surrogate_pair_is_written_as_the_replacement_character():
    assert decode(encode({"text": "a\ud800b"}).removesuffix(b"\n")) == {"text": "a\ufffdb"}


def test_the_highest_rev_counts_in_whatever_order():
    line = {"type": "seg", "id": 0, "start_ms": 0, "end_ms": 1, "lang": "en", "final": False}
    told = [line | {"n": rev, "rev": rev, "text": f"rev {rev}"} for rev in (2, 0, 1)]
    assert replay(ID, told).segments[0].text == "rev 2"


def test_unknown_types_keys_and_broken_records_are_passed_over():
    line = {"type": "seg", "n": 3, "id": 0, "rev": 0, "start_ms": 0, "end_ms": 1, "text": "kept", "lang": "en"}
    told = [{"type": "aura", "n": 1}, {"type": "seg", "n": 2, "id": []}, line | {"final": True, "colour": "red"}]
    assert [segment.text for segment in replay(ID, told).segments] == ["kept"]


def test_a_newer_version_is_refused_with_its_mend():
    with pytest.raises(TranscriptError, match="newer") as caught:
        replay(ID, [{"type": "hdr", "n": 0, "version": 2}])
    assert "Update" in caught.value.hint


def test_a_lost_header_costs_no_text(tmp_path):
    journal = begin(tmp_path)
    journal.caption(caption(0, said("one two")))
    path = tmp_path / f"{ID}.jsonl"
    path.write_bytes(b"x" + path.read_bytes()[1:])
    transcript = Library(tmp_path).read(ID)
    assert transcript.segments[0].text == "one two"
    assert transcript.header.started.strftime("%Y%m%d-%H%M%S") == ID


def test_a_time_without_a_zone_is_refused(tmp_path):
    with pytest.raises(ValueError, match="zone"):
        Journal.create(tmp_path, title="", source="", model="", now=NOW.replace(tzinfo=None))


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(TranscriptError, match="cannot be written") as caught:
        begin(tmp_path / "file" / "sessions")
    assert "Choose another folder" in caught.value.hint


def test_transcripts_are_read_and_written_without_numpy():
    code = "import sys, engine.transcript.export, engine.transcript.library; print('numpy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"

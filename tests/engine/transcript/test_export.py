"""Exports: what each format says, and that files are written wholly or not at all."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import TranscriptError
from engine.transcript.export import FORMATS, export, file_name, parse_json, write
from engine.transcript.records import Doubted, Header, MissedSpan, Note, Segment, TimedWord, Transcript
from engine.transcript.text import normalise
from tests.engine.transcript.nasty import TEXTS
from tests.engine.transcript.said import ID, NOW, UNHURRIED

TIMES = st.integers(0, 10**12)
WORDS = st.builds(TimedWord, st.text(), TIMES, TIMES, st.floats(0, 1))
SEGMENTS = st.builds(
    Segment, TIMES, TIMES, TIMES, st.text(), st.text(), st.booleans(), st.lists(WORDS, max_size=4).map(tuple)
)
ZONES = st.integers(-720, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))
HEADERS = st.builds(Header, st.text(), st.text(), st.datetimes(timezones=ZONES), st.text(), st.text())
TRANSCRIPTS = st.builds(
    Transcript,
    HEADERS,
    st.lists(SEGMENTS, max_size=4).map(tuple),
    st.lists(st.builds(MissedSpan, TIMES, TIMES, st.text()), max_size=2).map(tuple),
    st.lists(st.builds(Note, TIMES, st.text()), max_size=2).map(tuple),
    st.booleans(),
    st.lists(st.builds(Doubted, TIMES, TIMES, st.text(), st.text()), max_size=2).map(tuple),
)


def transcript(*texts, title="A talk"):
    segments = tuple(
        Segment(number, number * 10_000, number * 10_000 + 3000, text, "en", final=True)
        for number, text in enumerate(texts)
    )
    return Transcript(Header(ID, title, NOW, "a device", "tiny.en"), segments, ended=True)


@UNHURRIED
@given(TRANSCRIPTS)
def test_json_gives_back_what_was_exported(told):
    assert parse_json(export(told, "json")) == told


@UNHURRIED
@given(TRANSCRIPTS, st.sampled_from(list(FORMATS)))
def test_every_transcript_can_be_exported_and_encoded(told, kind):
    assert export(told, kind).encode().decode() == export(told, kind)


@pytest.mark.parametrize("kind", ["txt", "srt", "vtt"])
def test_what_was_withheld_is_in_no_text(kind):
    told = replace(transcript("First.", "Second."), withheld=(Doubted(4000, 5000, "Thank you.", "phantom"),))
    assert export(told, kind) == export(replace(told, withheld=()), kind)


def test_json_from_before_anything_was_withheld_is_read():
    data = json.loads(export(transcript("a"), "json"))
    del data["withheld"]
    assert parse_json(json.dumps(data)) == transcript("a")


def test_half_a_surrogate_pair_survives_json_and_can_be_encoded():
    told = transcript("half \ud800 pair")
    text = export(told, "json")
    assert parse_json(text.encode().decode()) == told


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '{"version": 1}', "{", '{"version": "1"}', "[" * 100_000],
    ids=lambda text: text[:9],
)
def test_what_is_no_transcript_is_refused(text):
    with pytest.raises(TranscriptError, match="no transcript"):
        parse_json(text)


def test_json_from_a_newer_version_is_refused():
    data = json.loads(export(transcript("a"), "json"))
    with pytest.raises(TranscriptError, match="newer"):
        parse_json(json.dumps(data | {"version": 2}))


@UNHURRIED
@given(st.text())
def test_normalising_twice_changes_nothing_more(text):
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_normal_text_has_no_blank_lines_and_no_control_characters(text):
    lines = normalise(text).split("\n")
    assert lines == [""] or all(lines)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\ufeff\u2028\u2029\ud800-\udfff]", "".join(lines))


def test_text_has_a_line_a_segment_and_what_was_missed_in_brackets():
    told = replace(
        transcript(" First.", "Second\nline."),
        gaps=(MissedSpan(4000, 6500, "the device was lost"),),
        notes=(Note(3000, "listen again"),),
    )
    assert export(told, "txt").splitlines() == [
        "First.",
        "[note: listen again]",
        "[2.5 s not captioned: the device was lost]",
        "Second line.",
    ]


def test_srt_counts_and_has_a_comma():
    assert export(transcript("One.", "Two."), "srt") == (
        "1\n00:00:00,000 --> 00:00:03,000\nOne.\n\n2\n00:00:10,000 --> 00:00:13,000\nTwo.\n"
    )


def test_webvtt_names_itself_and_tells_a_gap_in_a_note():
    told = replace(transcript("One & two."), gaps=(MissedSpan(4000, 6500, "-->"),))
    assert export(told, "vtt") == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:03.000\nOne &amp; two.\n\nNOTE 2.5 s not captioned: --&gt;\n"
    )


def test_hours_have_no_end():
    late = Segment(0, 360_000_000, 360_002_000, "late", "en", final=True)
    assert "100:00:00,000 --> 100:00:02,000" in export(replace(transcript(), segments=(late,)), "srt")


def test_an_unknown_format_is_refused_with_those_there_are():
    with pytest.raises(TranscriptError) as caught:
        export(transcript(), "doc")
    assert "txt, srt, vtt, json" in caught.value.hint


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("A talk", "A talk.srt"),
        ("", f"{ID}.srt"),
        ("../../etc/passwd", "etc passwd.srt"),
        ("/", f"{ID}.srt"),
        ("-rf .", "rf.srt"),
        ("con", f"con {ID}.srt"),
        ("LPT1.notes", f"LPT1.notes {ID}.srt"),
        ('a:b*c?"d"<e>|f\\g', "a b c d e f g.srt"),
        ("two\nlines\x00", "two lines.srt"),
        ("字" * 90, "字" * 33 + ".srt"),
        ("ends in dots...", "ends in dots.srt"),
    ],
)
def test_a_title_becomes_a_safe_file_name(title, name):
    assert file_name(transcript(title=title), "srt") == name


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")
    assert write(transcript("new"), "txt", path) == path
    assert path.read_text() == "new\n"
    assert list(tmp_path.iterdir()) == [path]


def test_in_a_folder_a_file_gets_its_name_from_the_title(tmp_path):
    assert write(transcript("new"), "json", tmp_path) == tmp_path / "A talk.json"


@pytest.mark.parametrize("place", ["no/such/folder.txt", "file/below.txt"])
def test_where_nothing_can_be_written_the_person_is_told(tmp_path, place):
    (tmp_path / "file").touch()
    with pytest.raises(TranscriptError, match="cannot be written") as caught:
        write(transcript("new"), "txt", tmp_path / place)
    assert caught.value.hint == "Choose another place."


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="a folder that takes no files is Linux's /proc")
def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    with pytest.raises(TranscriptError):
        write(transcript("new"), "txt", Path("/proc/self/out.txt"))


def test_the_start_keeps_its_zone():
    zone = timezone(timedelta(hours=2))
    told = replace(transcript(), header=Header(ID, "", datetime(2025, 6, 1, 12, tzinfo=zone), "", ""))
    assert parse_json(export(told, "json")).header.started == datetime(2025, 6, 1, 10, tzinfo=UTC)

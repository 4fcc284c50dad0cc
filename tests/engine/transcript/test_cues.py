"""Cues keep every word and the rules of reading."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.transcript.cues import Cue, cues, profile_for, violations
from engine.transcript.records import Segment, TimedWord
from engine.transcript.text import columns, normalise
from tests.engine.transcript.said import UNHURRIED

LANGUAGES = st.sampled_from(["en", "de", "ja", "zh", "th", "ko", ""])
SPEECH = st.sampled_from(
    "I we the a of talked about reading, slowly. together! extraordinarily 日本 語 。 นะ été".split()
)
ANYTHING = SPEECH | st.text(max_size=12)


@st.composite
def transcripts(draw, text=ANYTHING):
    """Segments with words at any times at all, some without their times."""
    segments, now = [], draw(st.integers(0, 400_000_000))
    for number in range(draw(st.integers(0, 4))):
        words = []
        for _ in range(draw(st.integers(0, 30))):
            now += draw(st.sampled_from([0, 20, 300, 1600]))
            end = now + draw(st.integers(0, 900) | st.sampled_from([5000, 20_000]))
            words.append(TimedWord(draw(st.sampled_from(["", " "])) + draw(text), now, end, 1))
            now = end if draw(st.booleans()) else now
        span = (words[0].start_ms, words[-1].end_ms) if words else (now, now)
        whole = "".join(word.text for word in words)
        timed = tuple(words) if draw(st.booleans()) else ()
        segments.append(Segment(number, *span, whole, draw(LANGUAGES), final=True, words=timed))
    return segments


def letters(text):
    return "".join(normalise(text).split())


@UNHURRIED
@given(transcripts())
def test_no_word_is_lost_doubled_or_moved(segments):
    shown = "".join(cue.text for cue in cues(segments))
    assert letters(shown) == "".join(letters(segment.text) for segment in segments)


@UNHURRIED
@given(transcripts())
def test_every_cue_stands_long_enough_and_none_too_long(segments):
    for cue in cues(segments):
        assert 833 <= cue.end_ms - cue.start_ms <= 7000


@UNHURRIED
@given(transcripts())
def test_cues_follow_each_other_without_a_gap_or_with_a_real_one(segments):
    found = cues(segments)
    for before, after in pairwise(found):
        gap = after.start_ms - before.end_ms
        assert gap == 0 or gap >= 1000


@UNHURRIED
@given(transcripts(text=SPEECH))
def test_lines_are_two_and_no_longer_than_the_language_allows(segments):
    spaced = [segment for segment in segments if segment.language in {"en", "de", ""}]
    for cue in cues(spaced):
        assert len(cue.lines) <= 2
        for line in cue.lines:
            assert columns(line) <= 42 or " " not in line  # one word is never divided
            assert line == line.strip() != ""


def spoken(text, *, start=0, each=300, language="en", number=0):
    words = []
    for index, part in enumerate(text.split()):
        begin = start + index * each
        words.append(TimedWord(f" {part}", begin, begin + each, 1))
    return Segment(number, start, start + each * len(words), text, language, final=True, words=tuple(words))


def test_a_short_sentence_is_one_line_that_lingers_until_it_can_be_read():
    (cue,) = cues([spoken("Hello there.", start=1000, each=100)])
    assert cue == Cue(1000, 1833, ("Hello there.",))


def test_lines_break_after_punctuation_and_never_after_an_article():
    text = "When the rain had stopped at last, we went out into the garden."
    (cue,) = cues([spoken(text)])
    assert cue.lines == ("When the rain had stopped at last,", "we went out into the garden.")


def test_cues_break_after_sentences():
    text = "The first one is this sentence here. The second follows it at once and is longer. Then comes a third."
    found = [cue.text.replace("\n", " ") for cue in cues([spoken(text)])]
    assert all(text.endswith((".", ",")) for text in found)
    assert len(found) == 2


def test_segments_part_unless_one_could_not_be_read():
    slow = cues([spoken("Yes indeed.", each=600), spoken("No never.", start=1500, each=600, number=1)])
    assert [cue.text for cue in slow] == ["Yes indeed.", "No never."]
    quick = cues([spoken("Yes.", each=200), spoken("No.", start=400, each=900, number=1)])
    assert [cue.text for cue in quick] == ["Yes. No."]


def test_a_gap_below_a_second_is_closed_and_a_longer_one_stays():
    near = cues([spoken("one two three four"), spoken("five six seven eight", start=2100, number=1)])
    assert near[0].end_ms == near[1].start_ms
    far = cues([spoken("one two three four"), spoken("five six seven eight", start=9000, number=1)])
    assert far[0].end_ms == 1200


def test_a_cue_never_spans_a_long_silence():
    first, second = cues([spoken("so"), spoken("then", start=2500, number=1)])
    assert (first.start_ms, first.end_ms, second.start_ms) == (0, 833, 2500)


def test_text_without_word_times_is_spread_over_its_span():
    text = " ".join(["syllables"] * 30)
    found = cues([Segment(0, 10_000, 22_000, text, "en", final=False)])
    assert found[0].start_ms == 10_000
    assert found[-1].end_ms <= 22_000 + 1500
    assert len(found) > 2


def test_japanese_breaks_between_characters_and_never_before_a_full_stop():
    text = "これは日本語の字幕です。" * 8
    found = cues([Segment(0, 0, 30_000, text, "ja", final=True)])
    for cue in found:
        assert all(columns(line) <= 23 for line in cue.lines)
        assert not any(line.startswith("。") for line in cue.lines)
    assert "".join(letters(cue.text) for cue in found) == text


def test_a_word_that_is_a_mark_stays_with_the_one_before():
    words = [TimedWord(text, 200 * at, 200 * at + 200, 1) for at, text in enumerate(["これは"] * 4 + ["。"] * 4)]
    segment = Segment(0, 0, 1600, "".join(word.text for word in words), "ja", final=True, words=tuple(words))
    (cue,) = cues([segment, replace(segment, id=1, words=(), text="")])
    assert cue.text == "これはこれはこれはこれは。。。。"
    long = cues([replace(segment, words=tuple(words) * 4, text=segment.text * 4)])
    assert not any(line.startswith("。") for cue in long for line in cue.lines)


def test_violations_are_listed():
    cue = Cue(0, 1000, ("x" * 43, "y"))
    assert violations(cue, profile_for("en")) == ["43 characters in a line", "44 characters a second"]
    assert violations(Cue(0, 2000, ("fine",)), profile_for("en")) == []

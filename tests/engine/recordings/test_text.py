from hypothesis import given
from hypothesis import strategies as st

from engine.recordings.hearing import Heard
from engine.recordings.text import PAUSE, doubted, segments
from engine.records import Doubt, Withheld, Word
from engine.units import milliseconds, samples

words = st.lists(
    st.tuples(st.sampled_from(["one", "two.", "three,", "four?"]), st.integers(0, 40_000), st.integers(0, 16_000)),
    max_size=60,
)


def heard(made, language="en"):
    at, found = 0, []
    for text, silence, length in made:
        at += silence
        found.append(Word(f" {text}", at, at + length, 0.5))
        at += length
    return Heard(tuple(found), language, 1.0)


@given(words, st.integers(0, 60))
def test_every_word_is_in_one_segment_in_order(made, at):
    whole = heard(made)
    halves = [Heard(whole.words[:at], "en", 1.0), Heard(whole.words[at:], "en", 1.0)]
    found = segments(halves)
    said = [word for segment in found for word in segment.words]
    assert [(word.text, word.start_ms) for word in said] == [(w.text, milliseconds(w.start)) for w in whole.words]
    assert [segment.id for segment in found] == list(range(len(found)))
    for segment in found:
        assert segment.final
        assert segment.text == "".join(word.text for word in segment.words).strip()
        assert (segment.start_ms, segment.end_ms) == (segment.words[0].start_ms, segment.words[-1].end_ms)


def test_a_pause_and_another_language_begin_a_segment():
    two = heard([("one", 0, 8000), ("two", PAUSE, 8000)])
    assert len(segments([two])) == 2
    assert [s.language for s in segments([heard([("one", 0, 100)]), heard([("two", 0, 100)], "de")])] == ["en", "de"]
    assert [s.language for s in segments([heard([("one", 0, 100)], "de")], translated="en")] == ["en"]


def test_a_long_segment_ends_with_its_sentence():
    found = segments([heard([("one", 0, samples(9)), ("two.", 0, 8000), ("three,", 0, 8000)])])
    assert [segment.text for segment in found] == ["one two.", "three,"]


def test_what_was_withheld_is_told():
    (one,) = doubted([Heard((), "en", 1.0, (Withheld(16_000, 32_000, "Thank you.", Doubt.PHANTOM),))])
    assert (one.start_ms, one.end_ms, one.text, one.reason) == (1000, 2000, "Thank you.", "phantom")

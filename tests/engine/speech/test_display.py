from hypothesis import given
from hypothesis import strategies as st

from engine.records import Word
from engine.speech.display import Steadiness
from engine.units import samples


def words(*texts, ends_s=1.0):
    return [Word(f" {text}", 0, samples(ends_s), 0.5) for text in texts]


def test_a_word_at_the_edge_waits_until_it_was_heard_twice():
    steady = Steadiness()
    assert steady.shown(words("fell"), samples(1.1), 0) == 0
    assert steady.shown(words("fellow"), samples(1.2), 0) == 0
    assert steady.shown(words("fellow"), samples(1.25), 0) == 1


def test_a_word_that_has_ended_is_shown_at_once():
    assert Steadiness().shown(words("so"), samples(1.3), 0) == 1


def test_what_stands_before_a_shown_word_is_shown():
    steady = Steadiness()
    steady.shown(words("x", "so"), samples(1), 0)
    assert steady.shown(words("y", "so", "z"), samples(1), 0) == 2


def test_words_are_compared_with_the_places_they_had_before_a_commit():
    steady = Steadiness()
    steady.shown(words("and", "so"), samples(1), 0)
    assert steady.shown(words("so", "my"), samples(1), 1) == 1


def test_a_reset_forgets():
    steady = Steadiness()
    steady.shown(words("so"), samples(1), 0)
    steady.reset()
    assert steady.shown(words("so"), samples(1), 0) == 0


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=5), max_size=5))
def test_what_was_heard_twice_is_shown(hypotheses):
    steady, before = Steadiness(), []
    for texts in hypotheses:
        shown = steady.shown(words(*texts), samples(1), 0)
        same = [i for i, (a, b) in enumerate(zip(texts, before, strict=False)) if a == b]
        assert shown == (same[-1] + 1 if same else 0)
        before = texts

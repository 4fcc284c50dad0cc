import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.records import Word
from engine.speech.certainty import Rule, Streaks, certain, plain
from engine.units import samples

TEXTS = st.lists(st.sampled_from("abc"), max_size=5)


def words(texts):
    return [Word(f" {text}", 0, samples(2), 0.6) for text in texts]


@pytest.mark.parametrize(
    ("times", "probability", "edge_s", "holds"),
    [(2, 0.5, 2.3, True), (1, 0.5, 2.3, False), (2, 0.7, 2.3, False), (2, 0.5, 2.2, False)],
    ids=["all", "heard too seldom", "too unsure", "too close to the edge"],
)
def test_a_rule_wants_all_three(times, probability, edge_s, holds):
    assert Rule(2, probability, 0.3).holds(words("a")[0], times, samples(edge_s)) is holds


def test_a_word_that_the_window_cuts_may_end_behind_it():
    assert certain(words("a"), [1], samples(1.95), [Rule(1, 0, -0.1)]) == 1


def test_words_are_counted_as_long_as_they_stand_at_their_place():
    streaks = Streaks()
    assert [streaks.times(words(texts)) for texts in ("ab", "abc", "ac")] == [[1, 1], [2, 2, 1], [3, 1]]


def test_what_is_final_is_counted_no_longer():
    streaks = Streaks()
    streaks.times(words("abc"))
    streaks.forget(1)
    assert streaks.times(words("bd")) == [2, 1]


@given(st.lists(TEXTS, min_size=1))
def test_a_streak_is_how_often_the_last_hypotheses_had_the_word(hypotheses):
    streaks = Streaks()
    for texts in hypotheses:
        times = streaks.times(words(texts))
    for place, count in enumerate(times):
        seen = [texts[place : place + 1] == [hypotheses[-1][place]] for texts in reversed(hypotheses)]
        assert all(seen[:count])
        assert not all(seen[: count + 1]) or count == len(seen)


@given(st.text())
def test_plain_is_stable(text):
    assert plain(plain(text)) == plain(text)

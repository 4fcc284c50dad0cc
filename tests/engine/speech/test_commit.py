from hypothesis import given
from hypothesis import strategies as st

from engine.records import Word
from engine.speech.commit import LocalAgreement, plain
from engine.units import samples

WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=8)


def spoken(texts, *, ends_s=0.0, probability=1.0):
    """Words that all end at the same moment."""
    return [Word(f" {text}", 0, samples(ends_s), probability) for text in texts]


def test_the_first_hypothesis_commits_nothing():
    assert LocalAgreement().agreed(spoken("abc"), samples(9)) == 0


def test_what_two_hypotheses_begin_with_is_final():
    policy = LocalAgreement()
    policy.agreed(spoken("abc"), samples(9))
    assert policy.agreed(spoken("abd"), samples(9)) == 2


def test_agreement_goes_on_behind_what_was_committed():
    policy = LocalAgreement()
    policy.agreed(spoken("abc"), samples(9))
    policy.agreed(spoken("abc"), samples(9))
    policy.agreed(spoken("d"), samples(9))
    assert policy.agreed(spoken("de"), samples(9)) == 1


def test_case_and_punctuation_are_no_disagreement():
    policy = LocalAgreement()
    policy.agreed(spoken(["And", "so"]), samples(9))
    assert policy.agreed(spoken(["and,", "So."]), samples(9)) == 2


def test_a_word_at_the_edge_of_the_window_waits():
    policy = LocalAgreement(margin_s=0.4)
    policy.agreed(spoken("a", ends_s=2.0), samples(2.0))
    assert policy.agreed(spoken("a", ends_s=2.0), samples(2.3)) == 0
    assert policy.agreed(spoken("a", ends_s=2.0), samples(2.5)) == 1


def test_a_word_the_model_is_unsure_of_needs_a_third_hypothesis_and_twice_the_distance():
    policy = LocalAgreement(margin_s=0.4, sure=0.8)
    unsure = spoken("a", ends_s=2.0, probability=0.5)
    assert [policy.agreed(unsure, samples(heard_s)) for heard_s in (2.3, 2.7, 2.75, 2.85)] == [0, 0, 0, 1]


def test_what_comes_after_an_unsure_word_waits_with_it():
    policy = LocalAgreement()
    words = [*spoken("a", probability=0.5), *spoken("b")]
    assert [policy.agreed(words, samples(9)) for _ in range(3)] == [0, 0, 2]


def test_a_reset_forgets():
    policy = LocalAgreement()
    policy.agreed(spoken("ab"), samples(9))
    policy.reset()
    assert policy.agreed(spoken("ab"), samples(9)) == 0


@given(st.lists(WORDS, min_size=1, max_size=6))
def test_what_is_committed_stood_in_two_hypotheses_in_a_row(hypotheses):
    policy, before = LocalAgreement(), []
    for texts in hypotheses:
        count = policy.agreed(spoken(texts), samples(9))
        assert texts[:count] == before[:count]
        before = texts[count:]


@given(st.text())
def test_plain_is_stable(text):
    assert plain(plain(text)) == plain(text)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.records import Word
from engine.speech.certainty import Rule
from engine.speech.commit import ALIGN_ATT, LOCAL_AGREEMENT, POLICIES, CommitPolicy
from engine.units import samples

WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=8)
EDGE = samples(9)


def spoken(texts, *, ends_s=0.0, probability=1.0):
    """Words that all end at the same moment."""
    return [Word(f" {text}", 0, samples(ends_s), probability) for text in texts]


def test_where_a_word_attends_says_whether_it_is_final():
    policy = CommitPolicy(ALIGN_ATT)
    words = [*spoken("a", ends_s=1.0), *spoken("b", ends_s=1.6), *spoken("c", ends_s=1.0)]
    assert policy.agreed(words, samples(2)) == 1
    assert policy.agreed(words, samples(2.1)) == 3


def test_the_first_hypothesis_agrees_with_nothing():
    assert CommitPolicy(LOCAL_AGREEMENT).agreed(spoken("abc"), EDGE) == 0


def test_what_two_hypotheses_begin_with_is_final():
    policy = CommitPolicy(LOCAL_AGREEMENT)
    policy.agreed(spoken("abc"), EDGE)
    assert policy.agreed(spoken("abd"), EDGE) == 2


def test_agreement_goes_on_behind_what_was_committed():
    policy = CommitPolicy(LOCAL_AGREEMENT)
    policy.agreed(spoken("abc"), EDGE)
    policy.agreed(spoken("abc"), EDGE)
    policy.agreed(spoken("d"), EDGE)
    assert policy.agreed(spoken("de"), EDGE) == 1


def test_case_and_punctuation_are_no_disagreement():
    policy = CommitPolicy(LOCAL_AGREEMENT)
    policy.agreed(spoken(["And", "so"]), EDGE)
    assert policy.agreed(spoken(["and,", "So."]), EDGE) == 2


def test_a_word_at_the_edge_of_the_window_waits():
    policy = CommitPolicy(LOCAL_AGREEMENT)
    edges_s = (2.0, 2.3, 2.5)
    assert [policy.agreed(spoken("a", ends_s=2.0), samples(edge_s)) for edge_s in edges_s] == [0, 0, 1]


@pytest.mark.parametrize(
    ("probability", "edges_s", "finals"),
    [
        (0.9, (2.2, 2.3), [0, 1]),
        (0.4, (2.2, 2.4, 2.6), [0, 0, 1]),
        (0.1, (2.2, 2.6, 2.9), [0, 0, 1]),
    ],
    ids=["sure: once, close to the edge", "unsure: twice, farther", "most unsure: farther still"],
)
def test_the_less_sure_a_word_is_the_longer_it_waits(probability, edges_s, finals):
    policy, word = CommitPolicy(), spoken("a", ends_s=2.0, probability=probability)
    assert [policy.agreed(word, samples(edge_s)) for edge_s in edges_s] == finals


def test_two_hypotheses_that_contradict_each_other_for_ever_hold_nothing_up():
    policy = CommitPolicy()
    texts = ["felonside", "fellan"] * 4
    counts = [
        policy.agreed(spoken([text], ends_s=2.0, probability=0.2), samples(2.2 + 0.5 * index))
        for index, text in enumerate(texts)
    ]
    assert counts.index(1) == 3


def test_what_comes_after_a_word_that_waits_waits_with_it():
    words = [*spoken("a", ends_s=8.8, probability=0.2), *spoken("b")]
    assert CommitPolicy().agreed(words, EDGE) == 0


def test_a_reset_forgets():
    policy = CommitPolicy([Rule(2, 0, 0)])
    policy.agreed(spoken("ab"), EDGE)
    policy.reset()
    assert policy.agreed(spoken("ab"), EDGE) == 0


@given(st.lists(WORDS, min_size=1, max_size=6))
def test_what_is_committed_stood_in_two_hypotheses_in_a_row(hypotheses):
    policy, before = CommitPolicy(LOCAL_AGREEMENT), []
    for texts in hypotheses:
        count = policy.agreed(spoken(texts), EDGE)
        assert texts[:count] == before[:count]
        before = texts[count:]


@given(st.sampled_from(list(POLICIES)), st.lists(st.tuples(WORDS, st.floats(0, 1), st.floats(0, 3)), max_size=6))
def test_no_policy_commits_more_than_there_is(name, hypotheses):
    policy, edge = CommitPolicy(POLICIES[name]), 0
    for texts, probability, step_s in hypotheses:
        edge += samples(step_s)
        assert 0 <= policy.agreed(spoken(texts, probability=probability), edge) <= len(texts)

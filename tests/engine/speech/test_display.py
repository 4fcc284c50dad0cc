from hypothesis import given
from hypothesis import strategies as st

from engine.records import Word
from engine.speech.display import Steadiness
from engine.units import samples

TEXTS = st.lists(st.sampled_from("abc"), max_size=5)


def words(*texts, ends_s=1.0, probability=0.5):
    return [Word(f" {text}", 0, samples(ends_s), probability) for text in texts]


def text(shown):
    return "".join(word.text for word in shown).strip()


def test_a_word_of_which_the_model_is_unsure_waits_until_it_was_heard_twice():
    steady = Steadiness()
    unsure = [words(word, probability=0.2) for word in ("fell", "fellow", "fellow")]
    shown = [text(steady.shown(word, samples(1.35), 0)) for word in unsure]
    assert shown == ["", "", "fellow"]


def test_a_word_that_has_ended_is_shown_at_once():
    assert text(Steadiness().shown(words("so"), samples(1.35), 0)) == "so"


def test_a_word_of_which_the_model_is_sure_may_reach_the_edge():
    assert text(Steadiness().shown(words("so", probability=0.95), samples(1), 0)) == "so"


def test_what_follows_a_word_that_waits_waits_with_it():
    heard = [*words("f", probability=0.1), *words("so", probability=0.95)]
    assert Steadiness().shown(heard, samples(2), 0) == []


def test_what_is_displayed_stands_until_two_hypotheses_lack_it():
    steady = Steadiness()
    heard = ["the sale on", "the cell on", "the sale on the", "the cell on the", "the cell on the side"]
    shown = [text(steady.shown(words(*one.split()), samples(9), 0)) for one in heard]
    assert shown == ["the sale on", "the sale on", "the sale on the", "the sale on the", "the cell on the side"]


def test_words_that_a_hypothesis_forgets_once_stay():
    steady = Steadiness()
    heard = ["and so my", "and so", "and so my fellow"]
    assert [text(steady.shown(words(*one.split()), samples(9), 0)) for one in heard] == [
        "and so my",
        "and so my",
        "and so my fellow",
    ]


def test_what_is_committed_is_no_longer_shown_as_unstable():
    steady = Steadiness()
    steady.shown(words("and", "so"), samples(9), 0)
    assert text(steady.shown(words("And", "so", "my"), samples(9), 1)) == "so my"
    assert text(steady.shown(words("so", "my"), samples(9), 2)) == ""


def test_the_mark_of_the_last_word_waits_for_what_follows():
    steady = Steadiness()
    assert text(steady.shown(words("so", "far."), samples(9), 0)) == "so far"
    assert text(steady.shown(words("so", "far.", "and"), samples(9), 0)) == "so far. and"


def test_a_reset_forgets():
    steady = Steadiness()
    steady.shown(words("so"), samples(9), 0)
    steady.reset()
    assert text(steady.shown(words("but"), samples(9), 0)) == "but"


@given(st.lists(TEXTS, max_size=6))
def test_nothing_is_shown_that_was_never_heard(hypotheses):
    steady, ever = Steadiness(), set()
    for texts in hypotheses:
        ever |= set(texts)
        assert {word.text.strip() for word in steady.shown(words(*texts), samples(9), 0)} <= ever


@given(st.lists(TEXTS, max_size=6), TEXTS)
def test_what_stands_twice_in_a_row_is_what_is_shown(hypotheses, last):
    steady = Steadiness()
    for texts in (*hypotheses, last, last):
        shown = steady.shown(words(*texts), samples(9), 0)
    assert [word.text.strip() for word in shown] == last

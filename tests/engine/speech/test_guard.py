from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.records import Hypothesis, Word
from engine.speech.guard import LONGEST_REPEAT, believable, loop_start
from engine.units import samples


def heard(text, *, logprob=-0.3, no_speech=0.1):
    words = tuple(Word(f" {word}", i, i + 1, 1.0) for i, word in enumerate(text.split()))
    return Hypothesis(words, "en", 1.0, logprob, no_speech)


def text(words):
    return "".join(word.text for word in words).strip()


@pytest.mark.parametrize("said", ["no no no", "a very very long day", "one two one two one two", ""])
def test_people_repeat_themselves_a_little(said):
    assert text(believable(heard(said), lambda *_: 1.0)) == said


@pytest.mark.parametrize(
    ("looped", "kept"),
    [
        ("go on on on on on on", "go on"),
        ("I see the man I see the man I see the man I see the man", "I see the man"),
        ("so, so So so. so", "so,"),
    ],
)
def test_a_loop_is_cut_after_its_first_round(looped, kept):
    assert text(believable(heard(looped), lambda *_: 1.0)) == kept


@given(
    st.lists(st.sampled_from("abcdefghij"), max_size=5),
    st.lists(st.sampled_from("klmnopqrstuvw"), min_size=1, max_size=LONGEST_REPEAT, unique=True),
    st.integers(4, 9),
)
def test_any_phrase_that_loops_stands_once(before, phrase, rounds):
    words = [f"{i}{word}" for i, word in enumerate(before)] + phrase * rounds
    assert loop_start(words) == len(before) + len(phrase)


@pytest.mark.parametrize("phrase", ["Thank you.", "you", "Thanks for watching!", "Bye."])
def test_a_phantom_needs_a_voice_under_it(phrase):
    assert believable(heard(phrase), lambda *_: 0.1) == ()
    assert text(believable(heard(phrase), lambda *_: 0.9)) == phrase


def test_words_said_to_be_spoken_after_the_speech_were_not():
    """As real tiny.en-live once did: "… the exhibition." and, where nobody spoke any more, "In the exhibition,"."""
    said = heard("the exhibition. In the exhibition,")
    spread = tuple(Word(w.text, samples(i), samples(i + 0.3), 1.0) for i, w in enumerate(said.words))
    voice = lambda start, stop: float(start < samples(1.5))  # noqa: E731
    assert text(believable(replace(said, words=spread), voice)) == "the exhibition."


def test_a_phrase_that_only_begins_like_a_phantom_is_speech():
    assert text(believable(heard("Thank you for the flowers"), lambda *_: 0.4)) == "Thank you for the flowers"


def test_an_unsure_model_that_hears_nobody_is_not_believed():
    assert believable(heard("la la land", logprob=-1.4, no_speech=0.9), lambda *_: 1.0) == ()

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.records import Doubt, Hypothesis, Word
from engine.speech.guard import LONGEST_TEXT, Judgement, judge
from engine.units import samples


def heard(text, *, logprob=-0.3, no_speech=0.1):
    words = tuple(Word(f" {word}", i, i + 1, 1.0) for i, word in enumerate(text.split()))
    return Hypothesis(words, "en", 1.0, logprob, no_speech)


def text(words):
    return "".join(word.text for word in words).strip()


def doubts(judgement):
    return {withheld.reason: withheld.text for withheld in judgement.withheld}


def test_a_loop_is_cut_after_its_first_round_and_told():
    judgement = judge(heard("I see the man. " * 5), lambda *_: 1.0)
    assert text(judgement.words) == "I see the man."
    assert doubts(judgement) == {Doubt.LOOP: "I see the man. " * 3 + "I see the man."}


def test_a_loop_may_have_begun_in_what_is_final():
    judgement = judge(heard("and so and then"), lambda *_: 1.0, ["and", "so"] * 3)
    assert (text(judgement.words), doubts(judgement)) == ("and then", {Doubt.LOOP: "and so"})


def test_of_a_loop_without_end_little_is_kept():
    (withheld,) = judge(heard("Thanks for watching. " * 99), lambda *_: 1.0).withheld
    assert len(withheld.text) <= LONGEST_TEXT


@given(st.lists(st.sampled_from(["no", "No,", "thank", "you", "so"]), max_size=30), st.sampled_from([0.1, 0.9]))
def test_every_word_is_believed_or_withheld(words, voice):
    hypothesis = heard(" ".join(words))
    judgement = judge(hypothesis, lambda *_: voice)
    kept = [*text(judgement.words).split(), *" ".join(doubts(judgement).values()).split()]
    assert sorted(kept) == sorted(words)


@pytest.mark.parametrize("phrase", ["Thank you.", "you", "Thanks for watching!", "Bye."])
def test_a_phantom_needs_a_voice_under_it(phrase):
    """Of music the detector was never surer than 0.84, of an utterance always surer than 0.93."""
    assert doubts(judge(heard(phrase), lambda *_: 0.84)) == {Doubt.PHANTOM: phrase}
    assert judge(heard(phrase), lambda *_: 0.93) == Judgement(heard(phrase).words)


def test_words_said_to_be_spoken_after_the_speech_were_not():
    """As real tiny.en-live once did: "… the exhibition." and, where nobody spoke any more, "In the exhibition,"."""
    said = heard("the exhibition. In the exhibition,")
    spread = tuple(Word(w.text, samples(i), samples(i + 0.3), 1.0) for i, w in enumerate(said.words))
    voice = lambda start, stop: float(start < samples(1.5))  # noqa: E731
    judgement = judge(replace(said, words=spread), voice)
    assert (text(judgement.words), doubts(judgement)) == ("the exhibition.", {Doubt.UNHEARD: "In the exhibition,"})


def test_a_phrase_that_only_begins_like_a_phantom_is_speech():
    assert text(judge(heard("Thank you for the flowers"), lambda *_: 0.4).words) == "Thank you for the flowers"


def test_an_unsure_model_that_hears_nobody_is_not_believed():
    judgement = judge(heard("la la land", logprob=-1.4, no_speech=0.9), lambda *_: 1.0)
    assert (judgement.words, doubts(judgement)) == ((), {Doubt.UNSURE: "la la land"})


def test_a_guess_is_not_believed_whoever_speaks():
    assert doubts(judge(heard("Music", logprob=-7.0, no_speech=0.0), lambda *_: 1.0)) == {Doubt.UNSURE: "Music"}
    assert judge(heard("Yes.", logprob=-1.2, no_speech=0.0), lambda *_: 1.0).words == heard("Yes.").words


def test_what_was_said_once_and_takes_no_time_is_an_echo():
    """As tiny.en-live wrote over noise, after a sentence: " In being comparatively modern." in its prefix again."""
    words = heard("In being comparatively modern.").words
    crammed = tuple(replace(word, start=7, stop=7) for word in words[:-1]) + words[-1:]
    again, known = replace(heard(""), words=crammed), heard("printing in being comparatively modern").words
    assert doubts(judge(again, lambda *_: 1.0, (), known)) == {Doubt.LOOP: "In being comparatively modern."}
    assert judge(again, lambda *_: 1.0).words == crammed
    assert judge(replace(again, words=words), lambda *_: 1.0, (), known).words == words

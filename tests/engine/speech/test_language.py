import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.records import Hypothesis, Word
from engine.speech.language import TELLING, Language
from engine.units import samples


def hear(language, code, probability, *, length_s=1.0, closing=False):
    language.heard(Hypothesis((), code, probability, 0.0, 0.0), samples(length_s), closing=closing)
    return language.ask, language.settled


def test_what_was_told_stays():
    language = Language("de")
    assert hear(language, "fr", 1.0) == ("de", True)
    language.utterance_ended()
    assert hear(language, "fr", 1.0) == ("de", True)


def test_nothing_is_final_before_the_language_is_clear():
    language = Language()
    assert hear(language, "ko", 0.45) == ("auto", False)
    assert hear(language, "ja", 0.96) == ("ja", True)


@pytest.mark.parametrize("way", [{"length_s": 3.0}, {"closing": True}])
def test_enough_sound_or_the_end_of_speech_settles_it(way):
    assert hear(Language(), "fr", 0.4, **way) == ("fr", True)


def test_after_a_pause_a_clear_voice_changes_it():
    language = Language()
    hear(language, "fr", 0.95)
    language.utterance_ended()
    assert hear(language, "ja", 0.8) == ("auto", False)
    assert hear(language, "ja", 0.95) == ("ja", True)


def test_a_mumble_does_not_change_it():
    language = Language()
    hear(language, "fr", 0.95)
    language.utterance_ended()
    assert hear(language, "cy", 0.4, closing=True) == ("fr", True)


def test_a_translation_is_written_in_english_and_heard_as_it_is_spoken():
    language = Language(translated=True)
    hear(language, "fr", 0.95)
    assert (language.spoken, language.ask, language.written) == ("fr", "fr", "en")


def understand(language, logprob, *, closing=False):
    words = (Word(" so", 0, 1, 1.0),) * TELLING
    return language.wavers(Hypothesis(words, language.spoken, 1.0, logprob, 0.0), closing=closing)


def test_the_same_language_again_is_taken_at_once():
    language = Language()
    hear(language, "fr", 0.95)
    language.utterance_ended()
    assert hear(language, "fr", 0.6) == ("fr", True)


def test_who_understands_less_for_two_windows_wavers():
    language = Language(spoken="en", settled=True)
    assert [understand(language, logprob) for logprob in (-0.3, -1.1, -0.3, -1.1, -1.1)] == [0, 0, 0, 0, 1]


def test_at_the_end_of_an_utterance_one_window_is_enough():
    assert understand(Language(spoken="en", settled=True), -1.1, closing=True)


def test_who_was_told_does_not_waver():
    assert not understand(Language("en"), -3.0, closing=True)


@given(st.floats(-2.5, -0.5))
def test_who_stays_hard_to_understand_is_soon_asked_about_no_more(logprob):
    language = Language(spoken="en", settled=True)
    assert sum(understand(language, logprob) for _ in range(100)) <= 6


@pytest.mark.parametrize(
    ("code", "certainty", "logprob", "spoken"),
    [
        ("fr", 0.95, -2.0, "fr"),
        ("fr", 0.8, -0.3, "fr"),
        ("fr", 0.8, -2.0, "en"),
        ("fr", 0.6, 0.0, "en"),
        ("en", 1, 0, "en"),
    ],
)
def test_only_a_clear_other_language_is_followed(code, certainty, logprob, spoken):
    language = Language(spoken="en", settled=True)
    assert language.changes(Hypothesis((), code, certainty, logprob, 0.0)) == (spoken != "en")
    assert language.ask == spoken

import pytest

from engine.records import Hypothesis
from engine.speech.language import Language
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

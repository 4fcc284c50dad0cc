from engine.records import Hypothesis
from engine.speech.language import PATIENCE, Language


def heard(language, probability):
    return Hypothesis((), language, probability, 0.0, 0.0)


def test_what_was_told_stays():
    language = Language("de")
    language.heard(heard("fr", 1.0), closing=False)
    assert (language.ask, language.spoken, language.settled) == ("de", "de", True)


def test_nothing_is_final_before_the_language_is_clear():
    language = Language()
    language.heard(heard("fr", 0.4), closing=False)
    assert (language.ask, language.settled) == ("auto", False)
    language.heard(heard("fr", 0.9), closing=False)
    assert (language.ask, language.settled) == ("fr", True)


def test_patience_and_the_end_of_speech_settle_it():
    for updates, closing in ((PATIENCE, False), (1, True)):
        language = Language()
        for _ in range(updates):
            language.heard(heard("fr", 0.4), closing=closing)
        assert language.spoken == "fr"


def test_only_a_clear_voice_changes_it_after_a_pause():
    language = Language()
    language.heard(heard("fr", 0.9), closing=False)
    language.utterance_ended()
    language.heard(heard("ja", 0.7), closing=False)
    assert language.spoken == "fr"
    language.heard(heard("ja", 0.95), closing=False)
    assert language.spoken == "ja"

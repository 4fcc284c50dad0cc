from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.sources import FileSource
from engine.pipeline import Pipeline
from engine.records import AudioBlock, Caption, Doubt, Gap, Hypothesis, Interruption, Withheld, Word
from engine.speech.loops import MOST_ROUNDS
from engine.units import samples
from engine.whisper.recognizer import Context, ScriptedRecognizer
from tests.material import engine, recording
from tests.talker import RATE, SCRIPT, SPEECH, LoudIsSpeech, pipeline, sound


def captions(parts, **script):
    captioning = pipeline(ScriptedRecognizer(SCRIPT, **script))
    events = [event for part in parts for event in captioning.feed(AudioBlock(part, RATE))]
    return events + captioning.finish()


def committed(events):
    return [word for event in events if isinstance(event, Caption) for word in event.words]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, samples(14)), max_size=12), st.sampled_from(["", "uh"]))
def test_how_the_sound_is_cut_changes_nothing(cuts, stutter):
    """Blocks of any size give the same captions, and none changes what was committed."""
    events = captions(np.split(sound(), sorted(cuts)), stutter=stutter)
    assert events == captions([sound()], stutter=stutter)


def test_every_word_is_committed_once_in_order():
    assert committed(captions([sound()], stutter="uh")) == SCRIPT


def test_committed_text_only_grows():
    text = {}
    for caption in captions([sound()], stutter="uh"):
        assert caption.committed.startswith(text.get(caption.segment, ""))
        text[caption.segment] = caption.committed


def test_words_are_shown_before_they_are_final():
    first = next(event for event in captions([sound()]) if event.unstable)
    shown = f"{first.committed}{first.unstable}".split()
    assert shown == [word.text.strip() for word in SCRIPT[: len(shown)]]
    assert len(shown) > len(first.committed.split())


def test_each_utterance_ends_in_a_final_caption():
    finals = [event for event in captions([sound()]) if event.final]
    assert [final.committed.split()[0] for final in finals] == ["w0", "w0", "w0"]


def test_silence_decodes_nothing():
    captioning = pipeline()
    assert captioning.feed(AudioBlock(np.zeros((samples(60), 1), np.float32), RATE)) == []
    assert captioning.updates == 0


class Hasty:
    """Takes the third word of an utterance for its end, until asked again."""

    context, languages, fallback = Context.SHORT, ("en",), ""

    def __init__(self):
        self.asked = set()

    def recognize(self, window):
        heard = ScriptedRecognizer(SCRIPT).recognize(window)
        if window.stop in self.asked:
            return heard
        self.asked.add(window.stop)
        return replace(heard, words=heard.words[:3])


def test_what_a_hypothesis_leaves_out_at_the_end_is_heard_by_itself():
    captioning = pipeline(Hasty())
    assert committed(captioning.feed(AudioBlock(sound(), RATE), hurry=True) + captioning.finish()) == SCRIPT


def test_a_loop_goes_on_nowhere_and_is_told_once_an_utterance():
    """Window after window adds a round: what is final already counts."""
    looped = [replace(word, text=" so") for word in SCRIPT]
    events = pipeline(ScriptedRecognizer(looped)).feed(AudioBlock(sound(), RATE))
    finals = [event.committed.split() for event in events if isinstance(event, Caption) and event.final]
    assert all(1 <= len(words) <= MOST_ROUNDS for words in finals)
    withheld = [event for event in events if isinstance(event, Withheld)]
    assert [(event.reason, set(event.text.split())) for event in withheld] == [(Doubt.LOOP, {"so"})] * 3


def test_what_is_withheld_of_a_span_that_is_given_up_is_told():
    """The voice goes on; its words are said to be where nobody was heard."""
    script = [replace(SCRIPT[0], start=samples(0.1), stop=samples(0.2))]
    speech = np.concatenate([np.zeros(samples(1)), np.full(samples(15), 0.9)]).astype(np.float32)[:, None]
    events = pipeline(Everywhere(script)).feed(AudioBlock(speech, RATE))
    assert [(event.reason, event.text) for event in events] == [(Doubt.UNHEARD, "w0")]


class Polyglot:
    """Hears one script; understands it badly where it is asked for the wrong language."""

    context, languages, fallback = Context.SHORT, ("en", "fr"), ""

    def __init__(self, spoken):
        self.spoken = spoken  # sample → code

    def recognize(self, window):
        right = self.spoken(window.stop)
        wrong = window.language not in {"auto", right}
        words = ScriptedRecognizer(SCRIPT).recognize(window).words
        words = tuple(replace(word, text=f"{word.text}?") for word in words) if wrong else words
        language = window.language if wrong else right
        return Hypothesis(words, language, 1.0 if wrong else 0.95, -1.2 if wrong else -0.3, 0.0)


@pytest.mark.parametrize("changed_s", [4.5, 9.5])
def test_another_language_is_followed_after_a_pause_and_without_one(changed_s):
    captioning = pipeline(Polyglot(lambda at: "fr" if at > samples(changed_s) else "en"))
    events = captioning.feed(AudioBlock(sound(), RATE))
    languages = [event.language for event in events if event.final]
    assert languages == sorted(languages)
    assert set(languages) == {"en", "fr"}
    late = [word for event in events for word in event.words if word.start > samples(changed_s + 1.5)]
    assert late
    assert not any(word.text.endswith("?") for word in late)


def test_the_same_language_again_keeps_its_context():
    asked = []

    class Listening(Polyglot):
        def recognize(self, window):
            asked.append(window)
            return super().recognize(window)

    captioning = pipeline(Listening(lambda _: "en"))
    captioning.feed(AudioBlock(sound(), RATE))
    second = [window for window in asked if samples(5.2) < window.stop < samples(7.4)]
    assert [window.language for window in second].count("auto") == 1
    assert (second[0].prefix, second[0].prompt) == ((), "")
    assert second[1].prefix == tuple(word for word in SCRIPT if word.stop <= samples(4))[-len(second[1].prefix) :]
    assert second[1].prefix


class Everywhere(ScriptedRecognizer):
    """Hears its script in any window."""

    def recognize(self, window):
        return super().recognize(replace(window, start=0))


class Attentive:
    """Hears its script, and remembers the windows."""

    context, languages, fallback = Context.SHORT, ("en",), ""

    def __init__(self, script):
        self.script, self.windows = script, []

    def recognize(self, window):
        self.windows.append(window)
        return ScriptedRecognizer(self.script).recognize(window)


def interrupted(pause_s):
    """One utterance with a pause from the third second on, and what is said in it."""
    result = np.zeros(samples(8), np.float32)
    result[samples(1) : samples(3)] = result[samples(3 + pause_s) : samples(6.5)] = 0.9
    starts_s = (1.0, 1.5, 2.0, 2.6, 3.1 + pause_s, 4.0)
    return result[:, None], [Word(f" w{i}", samples(at), samples(at + 0.4), 0.9) for i, at in enumerate(starts_s)]


def test_a_pause_makes_everything_final_at_once():
    speech, script = interrupted(pause_s=0.42)
    events = pipeline(ScriptedRecognizer(script)).feed(AudioBlock(speech, RATE))
    finals = [event for event in events if event.final]
    assert [final.committed for final in finals] == ["w0 w1 w2 w3 w4 w5"]
    last = next(event for event in events if script[3] in event.words)
    assert samples(3.3) <= last.stop <= samples(3.4)
    assert not last.final


def test_a_pause_is_listened_to_once_and_its_end_costs_nothing():
    speech, script = interrupted(pause_s=2.0)
    attentive = Attentive(script)
    captioning = pipeline(attentive)
    events = captioning.feed(AudioBlock(speech[: samples(4.9)], RATE))
    assert sum(window.stop > samples(3) for window in attentive.windows) == 1
    assert events[-1].final


def test_who_hurries_skips_updates_and_loses_no_word():
    captioning = pipeline()
    parts = np.split(sound(), 140)
    events = [event for part in parts for event in captioning.feed(AudioBlock(part, RATE), hurry=True)]
    assert committed(events + captioning.finish()) == SCRIPT
    assert captioning.updates == len(SPEECH)


def test_an_interruption_ends_what_was_said_and_takes_its_time():
    captioning = pipeline()
    events = captioning.feed(AudioBlock(sound()[: samples(3)], RATE))
    events += captioning.feed(Interruption(100.0, "the device was lost"))
    assert events[-2].final
    assert events[-1] == Gap(samples(3), samples(103), "the device was lost")
    assert captioning.heard == samples(103)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.one_of(st.floats(0.01, 3), st.floats(-60, -0.1)), max_size=8))
def test_time_is_what_was_fed(steps):
    """Sound (positive seconds) and interruptions (negative) add up to the sample."""
    captioning, expected = pipeline(), 0
    for step in steps:
        expected += samples(abs(step))
        item = AudioBlock(np.full((samples(step), 1), 0.9, np.float32), RATE) if step > 0 else Interruption(-step, "x")
        captioning.feed(item)
    captioning.finish()
    assert captioning.heard == expected


def test_a_device_of_another_rate_may_follow():
    captioning = pipeline()
    captioning.feed(AudioBlock(np.zeros((48_000, 2), np.float32), 48_000))
    captioning.feed(AudioBlock(np.zeros((44_100, 1), np.float32), 44_100))
    captioning.finish()
    assert captioning.heard == pytest.approx(2 * RATE, abs=2)


def test_speech_without_words_does_not_grow_the_window():
    """Singing, say: the VAD hears a voice, the recogniser nothing."""
    seen = []

    class Deaf(ScriptedRecognizer):
        def recognize(self, window):
            seen.append(len(window.samples))
            return super().recognize(window)

    captioning = Pipeline(Deaf(()), detector=LoudIsSpeech())
    captioning.feed(AudioBlock(np.full((samples(90), 1), 0.9, np.float32), RATE))
    assert max(seen) <= samples(13)


def heard(with_engine, name, *, hurry=False, length_s=float("inf")):
    """Return all that is said of a recording, or of its beginning."""
    captioning, source = with_engine.pipeline(), FileSource(recording(name))
    source.open()
    events = []
    while not source.exhausted and captioning.heard < samples(1) * length_s:
        for block in source.read(0):
            events += captioning.feed(block, hurry=hurry)
    return events + captioning.finish()


@pytest.mark.long
@pytest.mark.model
@pytest.mark.parametrize(("model", "hurry"), [("tiny.en", True), ("live", False)])
def test_real_speech_becomes_its_words(model, hurry):
    text = "".join(word.text for word in committed(heard(engine(model), "native/jfk.flac", hurry=hurry))).lower()
    assert "ask not" in text
    assert text.strip().endswith("what you can do for your country.")


@pytest.mark.model
@pytest.mark.parametrize(
    ("name", "language", "words"),
    [
        ("watson_fr-FR_Broadband_sample1.wav", "fr", "libres et égaux en dignité"),
        ("cv_ja_24511055.mp3", "ja", "キャンプの外れの"),
    ],
)
def test_the_language_is_heard(name, language, words):
    """In a hurry: the model is the dearest one here, and what it hears in between would only be overtaken."""
    said = heard(engine("base"), f"non_english/{name}", hurry=True, length_s=5.3)
    events = [event for event in said if isinstance(event, Caption)]
    assert {event.language for event in events} == {language}
    assert words in "".join(word.text for word in committed(events))


@pytest.mark.model
@pytest.mark.parametrize("name", ["leopard_empty.wav", "music_solo_trumpet.ogg", "noise_speechbrain_noise2.wav"])
@pytest.mark.parametrize("model", ["tiny.en", "live"])
def test_where_nobody_speaks_nothing_is_written(model, name):
    assert not any(isinstance(event, Caption) for event in heard(engine(model), f"non_speech/{name}"))

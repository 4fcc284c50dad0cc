from dataclasses import replace

import numpy as np
import pytest

from engine.errors import CudaUnavailable
from engine.records import Hypothesis, Word
from engine.units import samples
from engine.whisper.recognizer import Context
from engine.whisper.selftest import Clip, check_hearing

TEXT = "Nothing that you hear is sent anywhere."
CLIP = Clip(np.zeros(samples(4), np.float32), TEXT)


class Hears:
    """Hears the same in every window."""

    context, languages, fallback = Context.SHORT, ("en",), ""

    def __init__(self, text, **changes):
        words = tuple(Word(f" {word}", samples(i), samples(i + 1), 0.9) for i, word in enumerate(text.split()))
        self.windows, self.hypothesis = [], replace(Hypothesis(words, "en", 1.0, -0.1, 0.01), **changes)

    def recognize(self, window):
        self.windows.append(window)
        return self.hypothesis


@pytest.mark.parametrize(
    "text", [TEXT, "nothing that you hear, is sent anywhere", "Nothing that we hear is sent away.", TEXT.upper()]
)
def test_who_understands_most_of_it_hears(text):
    recognizer = Hears(text)
    check_hearing(recognizer, CLIP)
    (window,) = recognizer.windows
    assert (window.language, window.thorough) == ("en", True)


@pytest.mark.parametrize(
    ("heard", "why"),
    [
        (Hears(""), "gives no text"),
        (Hears("Thank you."), "of known speech is understood"),
        (Hears("anywhere sent is hear you that nothing"), "of known speech is understood"),
        (Hears("is is is is is is is is is is is is is is"), "of known speech is understood"),
        (Hears(TEXT + " you" * 20), "of known speech is understood"),
        (Hears(TEXT, avg_logprob=float("nan")), "no numbers"),
        (Hears(TEXT, no_speech_prob=float("nan")), "no numbers"),
        (Hears(TEXT, words=tuple(Word(f" {w}", 0, 1, float("inf")) for w in TEXT.split())), "no numbers"),
        (Hears(TEXT, words=tuple(reversed(Hears("anywhere sent is hear you that nothing").hypothesis.words))), "times"),
    ],
)
def test_who_does_not_is_not_trusted(heard, why):
    with pytest.raises(CudaUnavailable, match=why):
        check_hearing(heard, CLIP)

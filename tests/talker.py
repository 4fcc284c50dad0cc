"""A conversation whose every word is known: loud where somebody speaks, and a script of what is said."""

import numpy as np

from engine.pipeline import Pipeline
from engine.records import Word
from engine.units import samples
from engine.whisper.recognizer import ScriptedRecognizer

RATE = 16_000
SPEECH = [(1.0, 4.0), (5.2, 7.0), (7.9, 12.0)]
LENGTH_S = 14
SCRIPT = [
    Word(f" w{i}", samples(start + 0.3 * i), samples(start + 0.3 * i + 0.25), 0.9)
    for start, stop in SPEECH
    for i in range(int((stop - start) / 0.3))
]


class Forever(ScriptedRecognizer):
    """Understands the conversation however often it begins again."""

    def __init__(self):
        super().__init__(())

    def recognize(self, window):
        """Return what the script says where the window is."""
        length = samples(LENGTH_S)
        first = max(0, window.start // length - 1)
        shifts = [round_ * length for round_ in range(first, window.stop // length + 1)]
        script = [Word(w.text, w.start + shift, w.stop + shift, 0.9) for shift in shifts for w in SCRIPT]
        return ScriptedRecognizer(script).recognize(window)


class LoudIsSpeech:
    """Hears speech wherever the sound is loud, so that nothing hangs on a network's opinion."""

    def probabilities(self, frames):
        return (np.abs(frames).max(axis=1) > 0.5).astype(np.float32)

    def reset(self):
        """Nothing to forget."""


def sound():
    """Return the conversation, float32 [n, 1] at 16 kHz."""
    result = np.zeros(samples(LENGTH_S), np.float32)
    for start, stop in SPEECH:
        result[samples(start) : samples(stop)] = 0.9
    return result[:, None]


def pipeline(recognizer=None):
    """Return a pipeline that understands it."""
    return Pipeline(recognizer or ScriptedRecognizer(SCRIPT), detector=LoudIsSpeech())

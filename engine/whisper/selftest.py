"""Whether a recogniser hears: known speech, decoded once before it is trusted.

A processor or a driver that computes wrongly need not say so: CTranslate2 on an old driver returns no text, and no
error. `cuda/checkup.py` compares the numbers; this listens to what comes out in the end.
"""

import math
import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from engine.errors import CudaUnavailable
from engine.records import Hypothesis, Samples, Window
from engine.settings import ENGLISH
from engine.whisper.recognizer import Recognizer

# The worst of Whisper's models understands nearly all of a clear clip, one made for another language hardly anything:
# this much tells speech that was heard from text that was made up.
LEAST_HEARD = 0.5


@dataclass(frozen=True, slots=True)
class Clip:
    """Known English speech.

    Attributes:
        samples: float32 [n], 16 kHz mono, less than 25 s.
        text: What is said.
    """

    samples: Samples
    text: str


def check_hearing(recognizer: Recognizer, clip: Clip) -> None:
    """Decode a clip, as live captions would at the end of an utterance.

    Raises:
        CudaUnavailable: What comes out is not what was said.
    """
    check_heard(recognizer.recognize(known_window(clip)), clip)


def known_window(clip: Clip) -> Window:
    """Return the window that shows a clip as the end of an utterance."""
    return Window(clip.samples, 0, language=ENGLISH, thorough=True)


def check_heard(heard: Hypothesis, clip: Clip) -> None:
    """Compare what was heard of a clip with what is said in it.

    Raises:
        CudaUnavailable: It is not that.
    """
    text = "".join(word.text for word in heard.words)
    if not text.strip():
        raise _failed("known speech gives no text")
    numbers = (heard.avg_logprob, heard.no_speech_prob, *(word.probability for word in heard.words))
    if not all(map(math.isfinite, numbers)):
        raise _failed("the probabilities of known speech are no numbers")
    share = _share(_words(clip.text), _words(text))
    if share < LEAST_HEARD:
        raise _failed(f"only {share:.0%} of known speech is understood")
    if any(before.start > after.start for before, after in pairwise(heard.words)):
        raise _failed("the words of known speech have wrong times")


def _failed(what: str) -> CudaUnavailable:
    return CudaUnavailable(f"the self-test failed: {what}", hint="Update the graphics card's driver.")


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def _share(expected: list[str], heard: list[str]) -> float:
    """Return how much of what was expected was heard, in order; what was made up around it counts against it."""
    matched = sum(block.size for block in SequenceMatcher(None, expected, heard, autojunk=False).get_matching_blocks())
    return matched / max(len(expected), len(heard))

"""Which language is spoken: told, or heard and then kept until another is heard clearly (pure).

A translation is written in English, whatever is spoken.
"""

from dataclasses import dataclass

from engine.records import Hypothesis
from engine.settings import AUTO, ENGLISH
from engine.units import samples

SURE = 0.9  # on a second of sound and more, Whisper was right whenever it was this sure
ENOUGH_S = 3.0  # after which the likeliest language is taken; measured on nine languages with base
LIKELY = 0.7  # what it takes even then to give up the language of the sentence before


@dataclass(slots=True)
class Language:
    """The language of a session.

    Attributes:
        wanted: ISO 639-1 code, or "auto".
        translated: The text is English, whatever is spoken.
        spoken: What was settled on last; empty until then.
        settled: Whether words may be committed.
    """

    wanted: str = AUTO
    spoken: str = ""
    settled: bool = False
    translated: bool = False

    def __post_init__(self) -> None:
        if self.wanted != AUTO:
            self.spoken, self.settled = self.wanted, True

    @property
    def ask(self) -> str:
        """What the next window should be decoded as."""
        return self.spoken if self.settled else AUTO

    @property
    def written(self) -> str:
        """The language of the text."""
        return ENGLISH if self.translated else self.spoken

    def utterance_ended(self) -> None:
        """After a pause somebody else may speak another language: listen again."""
        self.settled = self.wanted != AUTO

    def heard(self, hypothesis: Hypothesis, length: int, *, closing: bool) -> None:
        """Take what the model detected in a window of `length` samples."""
        if self.settled:
            return
        certainty = hypothesis.language_probability
        enough = closing or length >= samples(ENOUGH_S)
        if certainty >= SURE or (enough and (not self.spoken or certainty >= LIKELY)):
            self.spoken, self.settled = hypothesis.language, True
        elif enough:
            self.settled = True

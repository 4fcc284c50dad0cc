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
AGREES = 0.5  # what it takes to go on in that language at once
LEVEL = -0.4  # usual mean log-probability: base had -0.2 … -0.6 in the right one of six languages
FALL = 0.4  # below the level of the session: in a wrong language base had -0.7 … -1.8
FALLS = 2  # windows in a row
TELLING = 4  # words with which the last window of an utterance is enough
WEIGHT = 0.3  # of a window in the level


@dataclass(slots=True)
class Language:
    """The language of a session.

    Attributes:
        wanted: ISO 639-1 code, or "auto".
        translated: The text is English, whatever is spoken.
        spoken: What was settled on last; empty until then.
        settled: Whether words may be committed.
        level: Mean log-probability of late, while what was spoken was understood.
        falls: Windows in a row that fell below it.
    """

    wanted: str = AUTO
    spoken: str = ""
    settled: bool = False
    translated: bool = False
    level: float = LEVEL
    falls: int = 0

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
        agrees = hypothesis.language == self.spoken and certainty >= AGREES
        if agrees or certainty >= SURE or (enough and (not self.spoken or certainty >= LIKELY)):
            self.spoken, self.settled = hypothesis.language, True
        elif enough:
            self.settled = True

    def wavers(self, hypothesis: Hypothesis, *, closing: bool) -> bool:
        """Take what was understood in the settled language.

        Returns:
            Whether it is so much less than before that another language may be spoken by now. Every answer lowers the
            level: a speaker who stays hard to understand is soon asked about no more.
        """
        if self.wanted != AUTO or not hypothesis.words:
            return False
        fallen = hypothesis.avg_logprob < self.level - FALL
        self.falls = self.falls + 1 if fallen else 0
        wavers = self.falls >= (1 if closing and len(hypothesis.words) >= TELLING else FALLS)
        if wavers or not fallen:
            self.level += WEIGHT * (hypothesis.avg_logprob - self.level)
            self.falls = 0
        return wavers

    def changes(self, hypothesis: Hypothesis) -> bool:
        """Take what the model detected, and understood in it, in the last seconds.

        Returns:
            Whether another language is spoken now: it is sure of one, or one is likely and it understands that one.
        """
        understood = hypothesis.avg_logprob >= self.level - FALL
        needed = LIKELY if understood else SURE
        if hypothesis.language == self.spoken or hypothesis.language_probability < needed:
            return False
        self.spoken, self.level = hypothesis.language, LEVEL
        return True

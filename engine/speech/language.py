"""Which language is spoken: told, or heard and then kept until another is heard clearly (pure)."""

from dataclasses import dataclass

from engine.records import Hypothesis
from engine.settings import AUTO

SURE = 0.6  # below this nothing is committed in a language that was only just detected
SWITCH = 0.85  # a language that was heard is given up only for one this certain
PATIENCE = 4  # updates after which the likeliest language will do


@dataclass(slots=True)
class Language:
    """The language of a session.

    Attributes:
        wanted: ISO 639-1 code, or "auto".
        spoken: What has been settled on; empty until then.
    """

    wanted: str = AUTO
    spoken: str = ""
    _listening: bool = True
    _updates: int = 0

    def __post_init__(self) -> None:
        if self.wanted != AUTO:
            self.spoken, self._listening = self.wanted, False

    @property
    def ask(self) -> str:
        """What the next window should be decoded as."""
        return AUTO if self._listening else self.spoken

    @property
    def settled(self) -> bool:
        """Whether words may be committed."""
        return bool(self.spoken)

    def utterance_ended(self) -> None:
        """After a pause somebody else may speak another language: listen again."""
        self._listening, self._updates = self.wanted == AUTO, 0

    def heard(self, hypothesis: Hypothesis, *, closing: bool) -> None:
        """Take what the model detected."""
        if not self._listening:
            return
        self._updates += 1
        needed = SWITCH if self.spoken and hypothesis.language != self.spoken else SURE
        if hypothesis.language_probability >= needed:
            self.spoken, self._listening = hypothesis.language, False
        elif closing or self._updates >= PATIENCE:
            self.spoken = self.spoken or hypothesis.language
            self._listening = False

"""Version numbers and their order: `0.2.0`, and before it `0.2.0rc1`, as PEP 440 has it.

Of that, what Undertext itself is numbered with: numbers with dots, and the marks of a pre-release. Anything else is
no version here, however a library might read it.
"""

import re
from dataclasses import dataclass, field

_STAGES = ("a", "b", "rc", "")  # the last is the release itself, which comes after all of them
_FORM = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6}){0,3})(?:(a|b|rc)([0-9]{1,6}))?")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A version; the greater one is the newer.

    Attributes:
        release: Its numbers, without zeros at the end: 1.0 is 1.
        stage: How far a pre-release is: the greater, the nearer to the release.
        number: Of the pre-release.
        text: As it was written: at most 35 letters, digits and dots.
    """

    release: tuple[int, ...]
    stage: int
    number: int
    text: str = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read a version.

        Raises:
            ValueError: It is none.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError("no version")  # what stands there instead is not repeated: it may be anything
        numbers, stage, number = found.groups(default="")
        release = [int(part) for part in numbers.split(".")]
        while release and not release[-1]:
            release.pop()
        return cls(tuple(release), _STAGES.index(stage), int(number or 0), text)

"""What may be written next: Whisper's rules over logits, on the device.

They are openai/whisper's (`decoding.py`: SuppressTokens, SuppressBlank, ApplyTimestampRules), without a branch on what
a tensor holds, so that a step of the search can be captured as a graph.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

LATEST_BEGINNING = 50  # positions: the first timestamp is no later than 1 s


@dataclass(frozen=True, slots=True)
class Marks:
    """The tokens that rules speak of.

    Attributes:
        end: `<|endoftext|>`; every token from here on is special.
        untimed: `<|notimestamps|>`; the tokens behind it are timestamps.
        no_speech: `<|nospeech|>`.
        never: Tokens that are never written.
        blank: Tokens that no text begins with.
    """

    end: int
    untimed: int
    no_speech: int
    never: tuple[int, ...]
    blank: tuple[int, ...]

    @property
    def first_time(self) -> int:
        """`<|0.00|>`; every token from here on is a time."""
        return self.untimed + 1


class Rules:
    """Forbids tokens.

    Args:
        marks: Special tokens of the model.
        vocabulary: Tokens it knows.
        place: Device of the logits.
        timed: Whether the text carries timestamps.

    Attributes:
        marks: As given.
        timed: As given.
        always: bool [vocabulary], what is never written.
        first: The same, and what no text begins with.
    """

    def __init__(self, marks: Marks, vocabulary: int, place: torch.device, *, timed: bool = False) -> None:
        self.marks = marks
        self.timed = timed
        self._ids = torch.arange(vocabulary, device=place)
        self.always = self.among(marks.never)
        self.first = self.always | self.among(marks.blank)

    def among(self, tokens: Sequence[int]) -> Tensor:
        """Return bool [vocabulary]: whether a token is one of these."""
        return torch.isin(self._ids, torch.tensor(tokens, dtype=torch.int64, device=self._ids.device))

    def masked(self, logits: Tensor, tokens: Tensor, places: Tensor, begins: Tensor) -> Tensor:
        """Return logits with -inf for what may not be written next.

        Args:
            logits: float32 [b, vocabulary].
            tokens: int64 [b, t], everything from the prompt on.
            places: int64 [b], of the last token that stands.
            begins: int64 [b], the place of the first token that is written and not told.
        """
        written = places + 1 - begins
        logits = logits.masked_fill(torch.where((written == 0)[:, None], self.first, self.always), -math.inf)
        return self._in_time(logits, tokens, places, written) if self.timed else logits

    def _in_time(self, logits: Tensor, tokens: Tensor, places: Tensor, written: Tensor) -> Tensor:
        """Let timestamps come in pairs, never fall, and be written where they are together the likeliest."""
        marks, ids = self.marks, self._ids
        is_time = ids >= marks.first_time
        last = tokens.gather(1, places[:, None])[:, 0]
        before = tokens.gather(1, (places - 1).clamp(min=0)[:, None])[:, 0]
        opened = (written >= 1) & (last >= marks.first_time)
        paired = (written < 2) | (before >= marks.first_time)
        closing = opened & ~paired

        at = torch.arange(tokens.shape[1], device=tokens.device)
        begins = (places + 1 - written)[:, None]
        timestamp = (tokens >= marks.first_time) & (at >= begins) & (at <= places[:, None])
        latest = torch.where(timestamp, at, -1).amax(1)
        # After a pair the next begins where it closed, or later; before, a segment is longer than nothing.
        least = tokens.gather(1, latest.clamp(min=0)[:, None])[:, 0] + torch.where(closing, 0, 1)

        at_first = (written == 0)[:, None]
        forbidden = ids == marks.untimed
        forbidden = forbidden | (opened & paired)[:, None] & is_time
        forbidden = forbidden | closing[:, None] & (ids < marks.end)
        forbidden = forbidden | (latest >= 0)[:, None] & is_time & (ids < least[:, None])
        forbidden = forbidden | at_first & (~is_time | (ids > marks.first_time + LATEST_BEGINNING))
        logits = logits.masked_fill(forbidden, -math.inf)

        time = logits.masked_fill(~is_time, -math.inf).logsumexp(1)
        text = logits.masked_fill(is_time, -math.inf).amax(1)
        return logits.masked_fill((time > text)[:, None] & ~is_time, -math.inf)

    def silence(self, logits: Tensor) -> Tensor:
        """Return how probable it is that nobody speaks, [...], by the logits [..., vocabulary] at the start token."""
        return logits.softmax(-1)[..., self.marks.no_speech]


def likeliest(logits: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Return the likeliest token among some, and its share of their probability: openai/whisper's `detect_language`.

    Args:
        logits: float32 [k, vocabulary].
        allowed: int64 [m], tokens: those of the languages.

    Returns:
        Tokens int64 [k], float32 [k].
    """
    share, index = logits[:, allowed].softmax(1).max(1)
    return allowed[index], share

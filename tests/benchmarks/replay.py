"""An event log, played again: what stood on the screen when, and what became of it.

Nothing but the log is read (format: `engine/eventlog.py`), so that any engine that writes one can be measured. Times
are counted from the first `listening`, the moment at which the sound began.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from whisper_normalizer.english import EnglishTextNormalizer

FRAME_S = 0.05  # the overlay is painted at most 20 times a second: what stood shorter was never seen
AHEAD = 4  # words that the display may lag behind its final form and still be matched with it

Event: TypeAlias = dict[str, Any]
normalise = EnglishTextNormalizer()


@cache
def key(word: str) -> str:
    """Return what makes two words the same: Whisper's normaliser on the word alone; fillers and marks give ""."""
    text: str = normalise(word)
    return text.replace(" ", "")


@dataclass(frozen=True)
class Update:
    """One change of the display.

    Attributes:
        at_s: When, since the sound began.
        audio_s: Seconds of sound fed by then.
        offset: Words that stand before the part that could change.
        before: The words of that part as they stood.
        after: As they stand now.
        committed: Words of the whole display that are committed now.
    """

    at_s: float
    audio_s: float
    offset: int
    before: tuple[str, ...]
    after: tuple[str, ...]
    committed: int


@dataclass
class Replay:
    """A session as its reader saw it.

    Attributes:
        updates: Every change of the display.
        words: What was committed in the end.
        shown_at_s: When each of them was first displayed.
        committed_at_s: When each was committed.
        committed_audio_s: How much sound had been fed by then.
        committed_erased: Committed words that were taken back.
    """

    updates: list[Update] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    shown_at_s: list[float] = field(default_factory=list)
    committed_at_s: list[float] = field(default_factory=list)
    committed_audio_s: list[float] = field(default_factory=list)
    committed_erased: int = 0

    @property
    def text(self) -> str:
        return " ".join(self.words)


def read_log(path: Path) -> list[Event]:
    """Return the events of a log, their times counted from the first `listening`."""
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    began = next((event["at_s"] for event in events if event.get("state") == "listening"), 0.0)
    return [{**event, "at_s": event["at_s"] - began} for event in events]


def replay(events: Iterable[Event]) -> Replay:
    """Play a log again."""
    seen, display = Replay(), _Display()
    for group in _frames([event for event in events if event["type"] == "caption"]):
        low = min(display.last, *(event["segment"] for event in group))
        before = display.words(low)
        seen.committed_erased += sum(display.take(event) for event in group)
        at_s, audio_s = group[-1]["at_s"], group[-1]["audio_s"]
        update = Update(at_s, audio_s, display.length(low), before, display.words(low), display.committed)
        seen.updates.append(update)
        new = update.committed - len(seen.committed_at_s)
        seen.committed_at_s += [at_s] * new
        seen.committed_audio_s += [audio_s] * new
    seen.words = display.final()
    seen.shown_at_s = first_shown(seen.updates, seen.words, seen.committed_at_s)
    return seen


def _frames(captions: Sequence[Event]) -> Iterable[list[Event]]:
    """Yield the captions that reach the eye at once, in order."""
    group: list[Event] = []
    for caption in captions:
        if group and caption["at_s"] - group[0]["at_s"] > FRAME_S:
            yield group
            group = []
        group.append(caption)
    if group:
        yield group


class _Display:
    """The text of every segment, in order."""

    def __init__(self) -> None:
        self._committed: dict[int, str] = {}
        self._shown: dict[int, list[str]] = {}

    @property
    def last(self) -> int:
        return max(self._shown, default=0)

    @property
    def committed(self) -> int:
        return sum(len(text.split()) for text in self._committed.values())

    def take(self, caption: Event) -> int:
        """Show a caption; return how many committed words it takes back."""
        number, text = caption["segment"], caption["committed"]
        before, self._committed[number] = self._committed.get(number, ""), text
        self._shown[number] = (text + caption["unstable"]).split()
        if text.startswith(before):  # a mark may still come to the last word
            return 0
        return len(before.split()) - common_prefix(before.split(), text.split())

    def words(self, low: int) -> tuple[str, ...]:
        """Return the words from a segment on."""
        return tuple(word for number in sorted(self._shown) if number >= low for word in self._shown[number])

    def length(self, low: int) -> int:
        """Return how many words stand before a segment."""
        return sum(len(words) for number, words in self._shown.items() if number < low)

    def final(self) -> list[str]:
        """Return what is committed."""
        return [word for number in sorted(self._committed) for word in self._committed[number].split()]


def common_prefix(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many words two texts have in common from their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def first_shown(updates: Iterable[Update], words: Sequence[str], committed_at_s: Sequence[float]) -> list[float]:
    """Return when each final word was first displayed, at its place or close to it.

    What stands on the screen is compared with the final text: first word by word; behind the first difference by
    difflib's longest matches, so that a word counts as displayed although one before it was still to change. A word
    that was never unstable is first displayed when it is committed.
    """
    shown = list(committed_at_s)
    final = [key(word) for word in words]
    for update in updates:
        after = [key(word) for word in update.after]
        same = common_prefix(after, final[update.offset : update.offset + len(after)])
        rest = final[update.offset + same : update.offset + len(after) + AHEAD]
        blocks = SequenceMatcher(None, after[same:], rest, autojunk=False).get_matching_blocks()
        places = [*range(same), *(same + block.b + i for block in blocks for i in range(block.size))]
        for place in places:
            index = update.offset + place
            shown[index] = min(shown[index], update.at_s)
    return shown

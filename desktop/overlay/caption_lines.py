"""From captions to the lines on the screen: wrap word by word, roll up, hold, clear.

Pure: no Qt, no clock. The overlay says how wide a text is and what time it is, and asks when to look again.

    caption ─▶ settled lines │ open line + unstable words ─▶ the `line_count` lines that are seen

Lines are numbered from the start of the session. A committed word goes to the end of the open line, or to a
new one where it does not fit, and stays there. Unstable words are wrapped after it, afresh each time. What is
seen moves on one line at a time, never back, never past the open line, and each step stands for `roll_s` at
least: so every committed word is seen, however many come at once.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from desktop.overlay.graphemes import Token, clean, clusters, is_rtl, needs_space, tokens
from engine import units
from engine.records import Caption

RTL_LANGUAGES = frozenset({"ar", "fa", "he", "ps", "sd", "ur", "yi"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it stands.

    Attributes:
        number: From 0; a line keeps it while it rolls up.
        committed: Only ever grows.
        unstable: Shown after it; may change.
        rtl: It starts at the right edge.
        glued: It goes on from the line above without a space.
    """

    number: int
    committed: str = ""
    unstable: str = ""
    rtl: bool = False
    glued: bool = False

    @property
    def text(self) -> str:
        """What the line reads."""
        return self.committed + self.unstable


@dataclass(frozen=True, slots=True)
class LineRules:
    """How lines behave.

    Attributes:
        line_count: Lines that are seen at once.
        hold_s: How long finished words stay when nobody goes on.
        pause_s: Silence after which the next words begin a new line.
        roll_s: How long what is seen stands before the next roll; it shows only when much comes at once.
    """

    line_count: int = 2
    hold_s: float = 4.0
    pause_s: float = 1.5
    roll_s: float = 0.35


class CaptionLines:
    """What stands on the screen.

    Args:
        measure: Width of a text, in the unit of `width`; the same for committed and unstable words.
        width: Of a line.
        rules: See LineRules.

    Thread: any, one at a time.
    """

    def __init__(self, measure: Callable[[str], float], width: float, rules: LineRules | None = None) -> None:
        self._measure = measure
        self._width = width
        self._rules = rules or LineRules()
        self.reset()

    def reset(self) -> None:
        """Forget everything: a new session begins."""
        self._committed = [Line(0)]
        self._tail: list[Line] = []
        self._unstable = ""
        self._top = 0
        self._segment = -1
        self._taken = 0
        self._rtl = False
        self._heard_until = 0
        self._begins = True
        self._breaks = False
        self._finished = True
        self._changed_s = 0.0
        self._stands_s = float("-inf")

    @property
    def visible(self) -> tuple[Line, ...]:
        """The lines that are seen now, from the top; empty when the screen is clear."""
        end = self._top + self._rules.line_count
        return tuple(line for line in self._lines() if line.text and line.number < end)

    def show(self, caption: Caption, now: float) -> None:
        """Take a caption in.

        Args:
            caption: Of the segment that is shown, or of a later one.
            now: Seconds on any clock that never goes back.
        """
        begins = caption.segment != self._segment
        if begins:
            self._begin(caption)
        new = caption.committed[self._taken :]
        committed = new.rstrip()
        self._taken += len(committed)
        # A space at the end belongs before the word that comes next.
        self._unstable = clean(new[len(committed) :] + caption.unstable)
        top = self._committed[0]
        self._commit(clean(committed))
        if self._committed[0] != top:  # its new words are to be seen before it may roll away
            self._stands_s = now
        self._tail = self._lay(tokens(self._unstable))
        if caption.words:
            self._heard_until = caption.words[-1].stop
        self._finished, self._changed_s = caption.final, now
        self._roll(now)

    def finish(self, now: float) -> None:
        """End what is unfinished: the session stopped, and nothing will follow."""
        self._unstable, self._tail = "", []
        if not self._finished:
            self._finished, self._changed_s = True, now

    def due(self, now: float) -> bool:
        """Roll or clear if it is time; return whether the screen changed."""
        before = self.visible
        self._roll(now)
        if self._clears_in(now) == 0:
            self._clear()
        return self.visible != before

    def next_change_s(self, now: float) -> float | None:
        """Return the seconds until `due` has something to do; None: nothing before a caption."""
        if self._waits():
            return max(0.0, self._stands_s + self._rules.roll_s - now)
        return self._clears_in(now)

    def rewrap(self, measure: Callable[[str], float], width: float, rules: LineRules | None = None) -> None:
        """Lay what is seen out anew, because the font, the width or the rules changed."""
        self._measure, self._width, self._rules = measure, width, rules or self._rules
        seen, self._committed = self._committed, [Line(self._top)]
        for line in seen:
            self._commit(line.committed if line.glued else f" {line.committed}")
        self._tail = self._lay(tokens(self._unstable))

    def _begin(self, caption: Caption) -> None:
        self._segment, self._taken = caption.segment, 0
        self._rtl = caption.language in RTL_LANGUAGES
        self._begins = True
        self._breaks = caption.start - self._heard_until >= units.samples(self._rules.pause_s)

    def _commit(self, text: str) -> None:
        laid = self._lay(tokens(text))
        if laid:
            self._committed[-1:] = [replace(line, committed=line.text, unstable="") for line in laid]
            self._begins = False

    def _lay(self, words: Iterable[Token]) -> list[Line]:
        """Return the open line with words set after it, and the lines it took; empty without words."""
        lines = [self._committed[-1]]
        for index, word in enumerate(words):
            first = index == 0 and self._begins
            self._place(self._first(word, lines) if first else word, lines)
        return lines if lines[-1].unstable else []

    def _first(self, word: Token, lines: list[Line]) -> Token:
        """Begin a segment: on a new line after a pause, else after a space where the script has any."""
        before = lines[-1]
        if self._breaks and before.text:
            lines.append(Line(before.number + 1))
        return replace(word, spaced=word.spaced or needs_space(before.text, word.text))

    def _place(self, word: Token, lines: list[Line]) -> None:
        """Put a word after the last line, on a new one, or, wider than any, over several."""
        if self._append(word.text, lines, spaced=word.spaced):
            return
        if lines[-1].text:
            lines.append(Line(lines[-1].number + 1, glued=not word.spaced))
        if self._append(word.text, lines, spaced=False):
            return
        for cluster in clusters(word.text):
            if lines[-1].text and not self._append(cluster, lines, spaced=False):
                lines.append(Line(lines[-1].number + 1, glued=True))
            if not lines[-1].text:
                lines[-1] = self._longer(lines[-1], cluster)

    def _append(self, text: str, lines: list[Line], *, spaced: bool) -> bool:
        """Set a text after the last line if it fits there."""
        longer = self._longer(lines[-1], f" {text}" if spaced and lines[-1].text else text)
        fits = self._measure(longer.text) <= self._width
        if fits:
            lines[-1] = longer
        return fits

    def _longer(self, line: Line, text: str) -> Line:
        rtl = line.rtl if line.text else self._rtl or is_rtl(text)
        return replace(line, unstable=line.unstable + text, rtl=rtl)

    def _lines(self) -> list[Line]:
        return [*self._committed[:-1], *(self._tail or self._committed[-1:])]

    def _waits(self) -> bool:
        """Whether there is a line below those that are seen, and room above the open one to roll."""
        open_line = self._committed[-1].number
        return self._lines()[-1].number >= self._top + self._rules.line_count and self._top < open_line

    def _roll(self, now: float) -> None:
        if self._waits() and now >= self._stands_s + self._rules.roll_s:
            self._top, self._stands_s = self._top + 1, now
            self._committed = [line for line in self._committed if line.number >= self._top]

    def _clears_in(self, now: float) -> float | None:
        if not self._finished or self._waits() or not self.visible:
            return None
        return max(0.0, max(self._changed_s, self._stands_s) + self._rules.hold_s - now)

    def _clear(self) -> None:
        self._top = self._lines()[-1].number + 1
        self._committed, self._tail, self._unstable = [Line(self._top)], [], ""

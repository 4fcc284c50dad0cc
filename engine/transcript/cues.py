"""From segments to cues: what stands on the screen, from when to when, in which lines.

No word is ever dropped to meet a profile; `violations` says where one could not be met. Within a run of
speech the cues are the cheapest way (dynamic programming over the words) to stay within two lines and
seven seconds and to break where a reader would: after a sentence, a clause, never after a word that leans
on the next.

Sources of the numbers: BBC subtitle guidelines (linger, gaps), Netflix timed text guides (characters,
duration, speed).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from math import inf

from engine.transcript.records import Segment
from engine.transcript.text import UNSPACED, characters, columns, inseparable, normalise, strain

LINES = 2
PAUSE_MS = 1500  # a cue never spans a longer silence

_COST_CUE = 10
_COST_STRAIN = 4
_COST_SEGMENT_INSIDE = 12  # more than a cue costs: segments part unless one would be too short to read
_COST_SHORT = 60


@dataclass(frozen=True, slots=True)
class Profile:
    """What a cue should keep to.

    Attributes:
        line_chars: Characters in a line.
        min_ms: Every cue stands at least so long.
        max_ms: And at most so long.
        gap_ms: A shorter gap between two cues is closed.
        linger_ms: How long after its speech a cue may stay.
        chars_per_s: Reading speed; a faster cue stays longer where silence follows.
    """

    line_chars: int = 42
    min_ms: int = 833
    max_ms: int = 7000
    gap_ms: int = 1000
    linger_ms: int = 1500
    chars_per_s: int = 20


_DEFAULT = Profile()
_PROFILES = {
    "ja": replace(_DEFAULT, line_chars=23),
    "ko": replace(_DEFAULT, line_chars=16),
    "th": replace(_DEFAULT, line_chars=35),
    "yue": replace(_DEFAULT, line_chars=16),
    "zh": replace(_DEFAULT, line_chars=16),
}


def profile_for(language: str) -> Profile:
    """Return the default profile of a language (ISO 639-1)."""
    return _PROFILES.get(language, _DEFAULT)


@dataclass(frozen=True, slots=True)
class Cue:
    """Lines of text and when they are shown."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The lines, with LF between."""
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class _Token:
    """What no line break divides.

    Attributes:
        text: Without blanks.
        blank: A blank stands before it.
        start_ms: Where it is said.
        end_ms: Where that ends.
        closes: It is the last of its segment.
    """

    text: str
    blank: bool
    start_ms: int
    end_ms: int
    closes: bool = False


def cues(segments: Iterable[Segment]) -> list[Cue]:
    """Return the cues of a transcript, in order; none overlaps the next."""
    groups: list[tuple[Profile, list[_Token]]] = []
    for profile, tokens in _runs(segments):
        groups += [(profile, group) for group in _split(tokens, profile)]
    starts: list[int] = []
    for profile, group in groups:
        # One that comes too soon waits, so that the one before can be read.
        starts.append(max(group[0].start_ms, starts[-1] + profile.min_ms) if starts else group[0].start_ms)
    following = [*starts[1:], None] if starts else []
    return [
        Cue(start, _end(group, start, after, profile), _lines(group, profile.line_chars))
        for (profile, group), start, after in zip(groups, starts, following, strict=True)
    ]


def violations(cue: Cue, profile: Profile) -> list[str]:
    """Return what a cue breaks of a profile, one phrase each."""
    width, chars = max(map(columns, cue.lines)), columns("".join(cue.lines))
    speed = chars * 1000 / (cue.end_ms - cue.start_ms)
    found = [
        (width > profile.line_chars, f"{width} characters in a line"),
        (len(cue.lines) > LINES, f"{len(cue.lines)} lines"),
        (speed > profile.chars_per_s, f"{speed:.0f} characters a second"),
    ]
    return [phrase for broken, phrase in found if broken]


def _runs(segments: Iterable[Segment]) -> Iterator[tuple[Profile, list[_Token]]]:
    """Yield stretches of one language without a long pause, their times in order."""
    run: list[_Token] = []
    language, now = "", 0
    for segment in segments:
        for token in _tokens(segment, profile_for(segment.language).line_chars):
            start_ms = max(token.start_ms, now)
            if run and (segment.language != language or start_ms - run[-1].end_ms >= PAUSE_MS):
                yield profile_for(language), run
                run = []
            run.append(replace(token, start_ms=start_ms, end_ms=max(start_ms, token.end_ms)))
            language, now = segment.language, start_ms
    if run:
        yield profile_for(language), run


def _tokens(segment: Segment, line_chars: int) -> list[_Token]:
    """Return a segment's tokens; without times of their own they share the segment's by their length."""
    spoken = [(word.text, word.start_ms, word.end_ms) for word in segment.words]
    if _letters("".join(text for text, _, _ in spoken)) != _letters(segment.text):
        spoken = [(segment.text, segment.start_ms, segment.end_ms)]
    tokens: list[_Token] = []
    unspaced = segment.language in UNSPACED
    for text, start_ms, end_ms in spoken:
        for part in _parts(text, start_ms, end_ms, line_chars if unspaced else None):
            if tokens and not part.blank and (not unspaced or inseparable(tokens[-1].text, part.text)):
                tokens.append(_joined(tokens.pop(), part))
            else:
                tokens.append(part)
    if tokens:
        tokens[-1] = replace(tokens[-1], closes=True)
        tokens[0] = replace(tokens[0], blank=not unspaced)
    return tokens


def _joined(left: _Token, right: _Token) -> _Token:
    return replace(left, text=left.text + right.text, end_ms=max(left.end_ms, right.end_ms))


def _parts(text: str, start_ms: int, end_ms: int, line_chars: int | None) -> Iterator[_Token]:
    """Yield the pieces between a text's blanks; of one longer than `line_chars`, its characters."""
    pieces: list[tuple[str, bool]] = []
    for number, piece in enumerate(filter(None, re.split("[ \n]", normalise(text)))):
        blank = number > 0 or text[:1].isspace()
        long = line_chars is not None and columns(piece) > line_chars
        for part in characters(piece) if long else (piece,):
            pieces.append((part, blank))
            blank = False
    total = sum(len(piece) for piece, _ in pieces)
    done = 0
    for piece, blank in pieces:
        begin = start_ms + (end_ms - start_ms) * done // total
        done += len(piece)
        yield _Token(piece, blank, begin, start_ms + (end_ms - start_ms) * done // total)


def _letters(text: str) -> str:
    return re.sub(r"\s", "", normalise(text))


def _split(run: Sequence[_Token], profile: Profile) -> list[list[_Token]]:
    """Divide a run into the tokens of its cues, at the least cost."""
    reach = _reach(run, profile.line_chars)
    best: list[tuple[float, int]] = [(0, 0)] + [(inf, 0)] * len(run)
    for first in range(len(run)):
        inside = 0
        for stop in range(first + 1, reach[first] + 1):
            stands_ms = _stands_ms(run, first, stop, profile)
            if stands_ms > profile.max_ms and stop > first + 1:
                break
            last = run[stop - 1]
            cost = best[first][0] + inside + _COST_CUE
            cost += 0 if last.closes else _COST_STRAIN * strain(last.text)
            cost += _COST_SHORT if stands_ms < profile.min_ms else 0
            best[stop] = min(best[stop], (cost, first))
            inside += _COST_SEGMENT_INSIDE if last.closes else 0
    stops = [len(run)]
    while stops[-1]:
        stops.append(best[stops[-1]][1])
    return [list(run[first:stop]) for first, stop in pairwise(reversed(stops))]


def _reach(run: Sequence[_Token], line_chars: int) -> list[int]:
    """Return for each token where a cue that begins with it must stop to fit into two lines."""
    sums = [0, *accumulate(columns(token.text) + token.blank for token in run)]
    stops: list[int] = []
    stop = 0
    for first, token in enumerate(run):
        stop = max(stop, first + 1)
        while stop < len(run) and sums[stop + 1] - sums[first] - token.blank <= line_chars:
            stop += 1
        stops.append(stop)
    stops.append(len(run))
    return [stops[stop] for stop in stops[:-1]]


def _stands_ms(run: Sequence[_Token], first: int, stop: int, profile: Profile) -> int:
    """Return how long a cue of these tokens would stand: up to the next where the gap is to be closed."""
    start_ms, end_ms = run[first].start_ms, run[stop - 1].end_ms
    if stop < len(run) and run[stop].start_ms - end_ms < profile.gap_ms:
        return run[stop].start_ms - start_ms
    return max(end_ms - start_ms, profile.min_ms)


def _end(group: Sequence[_Token], start_ms: int, next_ms: int | None, profile: Profile) -> int:
    """Return when a cue goes: after its speech, when it could be read, with no gap to the next or a real one."""
    latest = start_ms + profile.max_ms
    spoken = min(max(group[-1].end_ms, start_ms), latest)
    readable = start_ms + sum(columns(token.text) + token.blank for token in group) * 1000 // profile.chars_per_s
    lingering = min(readable, spoken + profile.linger_ms)
    end_ms = min(max(spoken, start_ms + profile.min_ms, lingering), latest)
    if next_ms is None or next_ms - end_ms >= profile.gap_ms:
        return end_ms
    early = next_ms - profile.gap_ms
    if next_ms <= latest and (next_ms - spoken <= profile.linger_ms or early < start_ms + profile.min_ms):
        return next_ms
    return early


def _lines(group: Sequence[_Token], line_chars: int) -> tuple[str, ...]:
    """Return one line, or the two that fit, read well and are nearly of a length."""
    whole = _join(group)
    if columns(whole) <= line_chars or len(group) == 1:
        return (whole,)

    def badness(at: int) -> tuple[int, float]:
        above, below = columns(_join(group[:at])), columns(_join(group[at:]))
        excess = max(above - line_chars, 0) + max(below - line_chars, 0)
        reads = 0 if group[at - 1].closes else strain(group[at - 1].text)
        return excess, _COST_STRAIN * reads + abs(above - below) / 2

    at = min(range(1, len(group)), key=badness)
    return _join(group[:at]), _join(group[at:])


def _join(group: Sequence[_Token]) -> str:
    return "".join(" " * token.blank + token.text for token in group).removeprefix(" ")

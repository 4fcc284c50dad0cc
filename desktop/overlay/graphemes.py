"""Where a text may be cut: between grapheme clusters, and between the words of every script.

`clusters` follows the rules of UAX #29 that matter on a screen; where unsure it keeps characters together.
`tokens` cuts a text at spaces, and between characters in scripts that write no spaces, with the rules that
keep closing marks off the start of a line and opening ones off its end.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

_ZWJ = "\u200d"
_OPENING = frozenset("([{<«‹“‘〈《「『【〔〖〘〚（［｛｟")
# The signs that JIS X 4051 keeps off the start of a line.
_CLOSING = frozenset(
    ")]}>»›”’,.;:!?、。，．・：；？！ー々ゝゞヽヾ〉》」』】〕〗〙〛）］｝｠…‥％ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ"
)
# Chinese and Japanese; Thai, Lao, Burmese and Khmer write no spaces either.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x2E80, 0x312F),
    (0x3190, 0xA4CF),
    (0xF900, 0xFAFF),
    (0xFE30, 0xFE4F),
    (0xFF01, 0xFF60),
    (0x20000, 0x3FFFF),
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text that stays on one line when it can.

    Attributes:
        text: Without any space.
        spaced: A space stands before it.
    """

    text: str
    spaced: bool


def clean(text: str) -> str:
    """Return a text without what no screen can show: controls become spaces, lone surrogates U+FFFD."""
    return "".join(_shown(character) for character in text)


def clusters(text: str) -> Iterator[str]:
    """Yield the grapheme clusters of a text: what a reader takes for one character."""
    start = 0
    for index in range(1, len(text)):
        if _may_cut(text, start, index):
            yield text[start:index]
            start = index
    if text:
        yield text[start:]


def tokens(text: str) -> Iterator[Token]:
    """Yield the words of a clean text, and the single characters of a script without spaces."""
    spaced = False
    token = ""
    for cluster in clusters(text):
        if cluster.isspace():
            if token:
                yield Token(token, spaced)
            token, spaced = "", True
        elif token and wraps_between(token, cluster):
            yield Token(token, spaced)
            token, spaced = cluster, False
        else:
            token += cluster
    if token:
        yield Token(token, spaced)


def wraps_between(before: str, after: str) -> bool:
    """Return whether a line may end between two texts that no space separates, by the scripts at the cut."""
    if not before or after[0] in _CLOSING or before[-1] in _OPENING:
        return False
    return _is_unspaced(before[-1]) or _is_unspaced(after[0])


def needs_space(before: str, after: str) -> bool:
    """Return whether a space belongs between two sentences: not before a closing mark, nor where none is written."""
    if not before or after[0] in _CLOSING:
        return False
    return not (_is_unspaced(before[-1]) and _is_unspaced(after[0]))


def is_rtl(text: str) -> bool:
    """Return whether the first letter with a direction runs from right to left."""
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in {"L", "R", "AL"}:
            return direction != "L"
    return False


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in {"Cc", "Zl", "Zp"}:
        return " "
    return "\ufffd" if category == "Cs" else character


def _is_unspaced(character: str) -> bool:
    code = ord(character)
    return any(first <= code <= last for first, last in _UNSPACED)


def _may_cut(text: str, start: int, index: int) -> bool:
    before, after = text[index - 1], text[index]
    if _extends(after) or before == _ZWJ or _is_prepended(before):
        return False
    if _is_flag(before) and _is_flag(after):
        return len(list(takewhile(_is_flag, reversed(text[start:index])))) % 2 == 0
    is_block = _is_hangul(before) and _is_hangul(after) and (_is_jamo(before) or _is_jamo(after))
    return not is_block


def _extends(character: str) -> bool:
    code = ord(character)
    return (
        unicodedata.category(character) in {"Mn", "Me", "Mc"}
        or character in {_ZWJ, "\u200c", "\u0e33", "\u0eb3", "\uff9e", "\uff9f"}
        or 0x1F3FB <= code <= 0x1F3FF  # skin tones
        or 0xE0020 <= code <= 0xE007F  # tags: the flags of regions
    )


def _is_prepended(character: str) -> bool:
    code = ord(character)
    return 0x0600 <= code <= 0x0605 or code in {0x06DD, 0x070F, 0x08E2, 0x0D4E, 0x110BD, 0x110CD}


def _is_flag(character: str) -> bool:
    return 0x1F1E6 <= ord(character) <= 0x1F1FF


def _is_jamo(character: str) -> bool:
    code = ord(character)
    return 0x1100 <= code <= 0x11FF or 0xA960 <= code <= 0xA97C or 0xD7B0 <= code <= 0xD7FB


def _is_hangul(character: str) -> bool:
    return _is_jamo(character) or 0xAC00 <= ord(character) <= 0xD7A3

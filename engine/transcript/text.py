"""Text made fit for every format: one normal form, its width, and where a line may break."""

import re
import unicodedata
from collections.abc import Iterator

_LINE_BREAK = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BLANKS = re.compile(r"[^\S\n\u00a0\u202f\u3000]+")  # the three that are written on purpose stay

_JOINER = "\u200d"  # zero width joiner: makes one emoji of several

UNSPACED = frozenset({"bo", "ja", "km", "lo", "my", "th", "yue", "zh"})  # they set no blanks between words

_SENTENCE_END = (".", "?", "!", "…", "。", "？", "！", "؟", "۔", "।")
_CLAUSE_END = (",", ";", ":", "–", "—", "、", "，", "；", "：", "،", "؛")
_NO_LINE_START = frozenset(".,;:?!…)]}»”’%。、，．！？；：」』）】〉》・ーゝゞ々ぁぃぅぇぉっゃゅょァィゥェォッャュョ")
_NO_LINE_END = frozenset("([{«“‘「『（【〈《")
# English articles, prepositions, pronouns, auxiliaries and conjunctions: what follows belongs to them.
_LEANS_ON_NEXT = frozenset(
    """
    a an the about after and as at because before but by for from if in into of on or over so than that to
    under until when where which while who with without i you he she it we they my your his her its our their
    this these those am is are was were be been have has had do does did will would can could should may
    might must not
    """.split()
)


def normalise(text: str) -> str:
    """Return text in lines of single blanks, free of what a reader of captions could stumble over.

    Every kind of line break becomes LF, other control characters and byte order marks go, half a
    surrogate pair becomes U+FFFD, runs of blanks become one, blank lines go.
    """
    text = _CONTROL.sub("", _LINE_BREAK.sub("\n", text))
    text = _BLANKS.sub(" ", _SURROGATE.sub("\ufffd", text))
    return "\n".join(filter(None, map(str.strip, text.split("\n"))))


def columns(text: str) -> int:
    """Return how many characters a reader sees: marks that sit on another do not count."""
    return len(text) if text.isascii() else sum(not _joins(char) for char in text)


def inseparable(left: str, right: str) -> bool:
    """Return whether no line may break between two texts that have no blank between them, in any script."""
    begins, ends = right[0], left[-1]
    return _joins(begins) or begins in _NO_LINE_START or ends in _NO_LINE_END or ends == _JOINER


def characters(text: str) -> Iterator[str]:
    """Yield a text of a script without blanks in the smallest parts between which a line may break."""
    part = ""
    for char in text:
        if part and not inseparable(part, char):
            yield part
            part = ""
        part += char
    if part:
        yield part


def strain(left: str) -> int:
    """Return how badly a break after a word reads: 0 after a sentence, 6 where a word leans on it."""
    word = left.rstrip("\"'”’»)]」』")
    if word.endswith(_SENTENCE_END):
        return 0
    if word.endswith(_CLAUSE_END):
        return 1
    return 6 if word.casefold() in _LEANS_ON_NEXT else 3


def _joins(char: str) -> bool:
    return unicodedata.category(char).startswith("M") or char == _JOINER or "\U0001f3fb" <= char <= "\U0001f3ff"

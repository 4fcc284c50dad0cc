"""What made-up voices say: ordinary sentences, as varied as free text makes them.

For English the examples of WordNet (how a word is used: "she was able to program her computer"), where Debian's
`wordnet-base` is installed, and a small grammar (`grammar.txt`) of talk and lecture, with the names, numbers and
questions that examples lack. For other languages the sentences of Debian's own FAQ, which is translated
(`debian-faq-de` and its sisters).
"""

import gzip
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

WORDNET = Path("/usr/share/wordnet")
FAQ = Path("/usr/share/doc/debian/FAQ")
LEAST_WORDS, MOST_WORDS = 4, 18
_EXAMPLE = re.compile(r'"([^"]+)"')
_PLAIN = re.compile(r"[A-Za-z][A-Za-z' ,?!-]*")
_SENTENCE = re.compile(r"(?<=[.?!]) +")
_SPEAKABLE = re.compile(r"[^\W\d_][^\d_/<>@#*=|{}\[\]\\+~^]*[.?!]")
_BEGINNING = re.compile(r"(?:^|(?<=[.?!] ))[a-z]")
_SLOT = re.compile(r"\{(\w+)\}")

Words = tuple[str, ...]

Write = Callable[[np.random.Generator], str]


@cache
def writer(language: str, *, held_out: bool = False) -> Write | None:
    """Return who writes sentences of a language, one or two at each call; None where there is no text for it.

    Args:
        language: ISO 639-1.
        held_out: Write what is kept for measuring, which no other writer writes (as far as there are examples).
    """
    kept = _kept(examples() if language == "en" else faq(language), held_out=held_out)
    if language != "en" and not kept:
        return None
    free = language == "en" and not (held_out and kept)

    def write(rng: np.random.Generator) -> str:
        sentences = []
        for _ in range(1 + int(rng.integers(2))):
            made = free and (rng.random() > 0.6 or not kept)
            sentences.append(_sentence(_filled("{sentence}", rng) if made else _one(kept, rng)))
        return " ".join(sentences)

    return write


def _kept(sentences: Words, *, held_out: bool) -> Words:
    """Return every twentieth sentence, or all others."""
    return tuple(text for at, text in enumerate(sentences) if (at % 20 == 0) == held_out)


def _filled(shape: str, rng: np.random.Generator) -> str:
    """Return a sentence of the grammar: each slot filled by what its words hold, down to the last."""
    while slot := _SLOT.search(shape):
        word = _one(grammar()[slot[1]], rng)
        shape = shape[: slot.start()] + word + shape[slot.end() :]
    return shape


def _one(words: Sequence[str], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]


def _sentence(text: str) -> str:
    text = _BEGINNING.sub(lambda match: match[0].upper(), text)
    return text if text[-1] in ".?!" else text + "."


@cache
def grammar() -> dict[str, Words]:
    """Return what fills each slot of the grammar, as `grammar.txt` beside this file has it."""
    slots: dict[str, Words] = {}
    name = ""
    for line in Path(__file__).with_name("grammar.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            slots[name] = (*slots.get(name, ()), *(part.strip() for part in line.split("|")))
        elif not line.startswith("#"):
            name = line.strip()
    return slots


@cache
def examples() -> Words:
    """Return WordNet's examples that are sentences or nearly so, in the order of its files; none without it."""
    found: dict[str, None] = {}
    for path in sorted(WORDNET.glob("data.*")):
        for match in _EXAMPLE.finditer(path.read_text(encoding="ascii", errors="ignore")):
            text = match[1].strip()
            if _PLAIN.fullmatch(text) and LEAST_WORDS <= len(text.split()) <= MOST_WORDS:
                found[text] = None
    return tuple(found)


@cache
def faq(language: str) -> Words:
    """Return the sentences of Debian's FAQ in a language that can be read aloud; none where it is missing."""
    found: dict[str, None] = {}
    for path in sorted(FAQ.glob(f"*.{language}.txt*")):
        text = _text(path)
        for paragraph in re.split(r"\n\s*\n", text):
            for sentence in _SENTENCE.split(" ".join(paragraph.split())):
                if _SPEAKABLE.fullmatch(sentence) and LEAST_WORDS <= len(sentence.split()) <= MOST_WORDS:
                    found[sentence] = None
    return tuple(found)


def _text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", errors="ignore")

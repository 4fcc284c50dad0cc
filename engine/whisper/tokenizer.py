"""Text ⇄ tokens: Whisper's special tokens, its languages, and which tokens make a word."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import tokenizers

from engine.errors import ModelCorrupt

# Every language that a multilingual Whisper knows (yue since large-v3).
LANGUAGES = tuple(
    (
        "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi "
        "hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn "
        "no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi "
        "yi yo zh yue "
    ).split()
)
# Written without spaces: a word is whatever decodes to whole characters.
UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
LEADING = frozenset("\"'“¿([{-")
TRAILING = frozenset("\"'.。,，!！?？:：”)]}、…")
REPLACEMENT = "\ufffd"  # what half a character decodes to


@dataclass(frozen=True, slots=True)
class TokenWord:
    """One word and its tokens; `text` carries its leading space."""

    text: str
    tokens: tuple[int, ...]


class Tokenizer:
    """The vocabulary of one model.

    Raises:
        ModelCorrupt: `tokenizer.json` is missing or unreadable.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the library raises plain Exception
            raise ModelCorrupt(
                f"{folder / 'tokenizer.json'} cannot be read: {error}", hint="Fetch the model again."
            ) from error

    def _special(self, *names: str) -> int:
        for name in names:
            token: int | None = self._tokenizer.token_to_id(f"<|{name}|>")
            if token is not None:
                return token
        raise ModelCorrupt(f"the tokenizer lacks <|{names[0]}|>", hint="This is not a Whisper model.")

    @cached_property
    def start(self) -> int:
        """`<|startoftranscript|>`."""
        return self._special("startoftranscript")

    @cached_property
    def previous(self) -> int:
        """`<|startofprev|>`: what follows is text that came before."""
        return self._special("startofprev")

    @cached_property
    def transcribe(self) -> int:
        """`<|transcribe|>`."""
        return self._special("transcribe")

    @cached_property
    def translate(self) -> int:
        """`<|translate|>`: what follows is English, whatever is spoken."""
        return self._special("translate")

    @cached_property
    def untimed(self) -> int:
        """`<|notimestamps|>`."""
        return self._special("notimestamps")

    @cached_property
    def end(self) -> int:
        """`<|endoftext|>`; every token from here on is special."""
        return self._special("endoftext")

    @cached_property
    def no_speech(self) -> int:
        """`<|nospeech|>`: how probable it is at the start says how sure the model is that nobody speaks."""
        return self._special("nospeech", "nocaptions")

    @cached_property
    def blank(self) -> tuple[int, ...]:
        """A lone space, and the end: with these no text begins."""
        return (*self.encode(" "), self.end)

    @cached_property
    def never(self) -> tuple[int, ...]:
        """Special tokens that are told to the model and never written by it."""
        model_start = self._special("startoflm")
        return (self.start, self.previous, self.transcribe, self.translate, self.no_speech, model_start)

    def language(self, code: str) -> int:
        """Return the token of an ISO 639-1 code.

        Raises:
            ModelCorrupt: The model does not know the language.
        """
        return self._special(code)

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, without special ones."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens; special ones are left out."""
        text: str = self._tokenizer.decode([token for token in tokens if token < self.end])
        return text

    def words(self, tokens: Sequence[int], language: str) -> list[TokenWord]:
        """Group text tokens into words, as Whisper's own word timestamps do (openai/whisper, `tokenizer.py`).

        A word begins with a space and takes the punctuation beside it along; in scripts without spaces, and inside
        words, the smallest unit is what decodes to whole characters.
        """
        words: list[TokenWord] = []
        for unit in self._characters(tokens):
            if words and _joins(words[-1].text, unit.text, spaced=language not in UNSPACED):
                words[-1] = TokenWord(words[-1].text + unit.text, words[-1].tokens + unit.tokens)
            else:
                words.append(unit)
        return words

    def _characters(self, tokens: Sequence[int]) -> list[TokenWord]:
        """Group tokens into the smallest runs that decode to whole characters."""
        whole = self.decode(tokens)
        units: list[TokenWord] = []
        run: list[int] = []
        done = 0
        for token in tokens:
            run.append(token)
            text = self.decode(run)
            broken = text.find(REPLACEMENT)
            # A replacement character that the whole text has at the same place was really said.
            if broken < 0 or whole[done + broken : done + broken + 1] == REPLACEMENT:
                units.append(TokenWord(text, tuple(run)))
                done += len(text)
                run = []
        if run and units:
            units[-1] = TokenWord(units[-1].text, units[-1].tokens + tuple(run))
        return units


def _joins(word: str, unit: str, *, spaced: bool) -> bool:
    """Whether a unit belongs to the word before it."""
    if unit.strip() in TRAILING:
        return not unit.startswith(" ") or unit.strip() not in LEADING
    if word.strip() in LEADING:
        return not unit.startswith(" ")
    return spaced and not unit.startswith(" ")

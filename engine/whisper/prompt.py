"""What the model is shown before the window: the user's names and terms, then the text that came before.

Whisper takes both for what was said before, and goes on in the same spelling (faster-whisper calls the terms hotwords).
They cost one batched pass and no step of the search.

A model that is unsure may write down what it was shown instead of what it hears. So words that look like a term are
held against the sound alone: their probabilities, which come from the alignment, are those without the prompt.
"""

from collections.abc import Sequence

from engine.errors import SettingsError
from engine.records import Word
from engine.speech.certainty import plain
from engine.whisper.tokenizer import Tokenizer

MAX_TEXT = 80  # tokens; more earlier text than this only costs
MAX_TERMS = 120  # tokens: some thirty names; with the text they stay below the 223 that Whisper was trained on

ALIKE = 3  # letters: a word that begins as a term does is examined
# Probabilities measured on 75 clips with thirty names that nobody says, and on clips with names that are said. A name
# that was said had 0.08 and more; one that was not, 0.04 and less; what was made of its beginning ("Dvorite" of
# "Dvorak"), up to 0.25. A common word that only looks like a term costs a second search and nothing else.
WHOLE_TERM, PART_OF_TERM = 0.05, 0.3


class Prompt:
    """Makes the tokens that stand before a window.

    Args:
        tokenizer: Of the model.
        terms: Names and terms, shown at every window.

    Raises:
        SettingsError: The terms take more than `MAX_TERMS` tokens.
    """

    def __init__(self, tokenizer: Tokenizer, terms: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self._terms = self._listed(terms)
        self._known = tuple(word for term in terms for word in map(plain, term.split()) if len(word) >= ALIKE)
        if len(self._terms) > MAX_TERMS:
            fitting = sum(len(self._listed(terms[: count + 1])) <= MAX_TERMS for count in range(len(terms)))
            raise SettingsError(
                f"{len(terms)} names and terms are more than this model can be shown",
                hint=f"The first {fitting} fit: leave some out, or shorten them.",
            )

    def tokens(self, text: str, *, terms: bool = True) -> list[int]:
        """Return the prompt for a window that earlier text came before; nothing where there is nothing to show."""
        text = text.strip()
        earlier = self._tokenizer.encode(f" {text}")[-MAX_TEXT:] if text else []
        shown = [*(self._terms if terms else ()), *earlier]
        return [self._tokenizer.previous, *shown] if shown else []

    def parroted(self, words: Sequence[Word]) -> bool:
        """Whether a word comes from the terms that were shown, and not from the sound."""
        return any(word.probability < self._floor(plain(word.text)) for word in words)

    def _floor(self, word: str) -> float:
        """Return how probable the sound alone must make a word."""
        alike = [known for known in self._known if word[:ALIKE] == known[:ALIKE]]
        if not alike:
            return 0.0
        return WHOLE_TERM if any(word.startswith(known) for known in alike) else PART_OF_TERM

    def _listed(self, terms: Sequence[str]) -> list[int]:
        # Commas between them invite to go on with the list: more of thirty names were heard where none was said.
        return self._tokenizer.encode(f" {' '.join(terms)}.") if terms else []

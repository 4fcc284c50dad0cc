"""What the model is shown before the window: the user's names and terms, then the text that came before.

Whisper takes both for what was said before, and goes on in the same spelling (faster-whisper calls the terms hotwords).
They cost one batched pass and no step of the search.
"""

from collections.abc import Sequence

from engine.errors import SettingsError
from engine.whisper.tokenizer import Tokenizer

MAX_TEXT = 80  # tokens; more earlier text than this only costs
MAX_TERMS = 120  # tokens: some thirty names; with the text they stay below the 223 that Whisper was trained on


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
        if len(self._terms) > MAX_TERMS:
            fitting = sum(len(self._listed(terms[: count + 1])) <= MAX_TERMS for count in range(len(terms)))
            raise SettingsError(
                f"{len(terms)} names and terms are more than this model can be shown",
                hint=f"The first {fitting} fit: leave some out, or shorten them.",
            )

    def tokens(self, text: str) -> list[int]:
        """Return the prompt for a window that earlier text came before; nothing where there is nothing to show."""
        text = text.strip()
        earlier = self._tokenizer.encode(f" {text}")[-MAX_TEXT:] if text else []
        return [self._tokenizer.previous, *self._terms, *earlier] if self._terms or earlier else []

    def _listed(self, terms: Sequence[str]) -> list[int]:
        return self._tokenizer.encode(f" {', '.join(terms)}.") if terms else []

"""What the decoder is told of a window, and what becomes of its tokens: words with times."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from engine.errors import ModelCorrupt
from engine.records import Hypothesis, Window, Word
from engine.settings import AUTO, ENGLISH, TRANSLATE, EngineSettings
from engine.units import SAMPLE_RATE, SAMPLES_PER_POSITION
from engine.whisper.cuda.decoding.alignment import Aligned
from engine.whisper.cuda.decoding.orders import Order
from engine.whisper.cuda.decoding.rules import Marks
from engine.whisper.cuda.model.weights import Checkpoint
from engine.whisper.prompt import Prompt
from engine.whisper.tokenizer import LANGUAGES, Tokenizer

TOKENS_PER_SECOND = 9  # nobody speaks faster; more is a loop
SPARE_TOKENS = 12
AHEAD = 25  # positions behind the window, 0.5 s of silence, that a cut word may attend to
MULTILINGUAL = 51865  # tokens; a smaller vocabulary is that of an English-only model


class Wording:
    """Windows → orders, and what was written → hypotheses.

    Args:
        folder: Holds `tokenizer.json`.
        settings: Task and vocabulary are taken from here; an English-only model always transcribes.
        checkpoint: Of the model.

    Attributes:
        tokenizer: Of the model.
        marks: The tokens that rules speak of.
        translates: Whether everything is written in English.
        languages: ISO 639-1 codes the model knows.
        codes: The same by their tokens.
        opening: Tokens from `<|startoftranscript|>` to the text.

    Raises:
        SettingsError: The vocabulary does not fit.
        ModelCorrupt: The folder holds no readable tokenizer.
    """

    def __init__(self, folder: Path, settings: EngineSettings, checkpoint: Checkpoint) -> None:
        self.tokenizer = tokenizer = Tokenizer(folder)
        self._prompt = Prompt(tokenizer, settings.vocabulary)
        self._most = checkpoint.dims.tokens // 2  # as many as Whisper was trained to write
        never = (*checkpoint.suppressed, *tokenizer.never)
        self.marks = Marks(tokenizer.end, tokenizer.untimed, tokenizer.no_speech, never, tokenizer.blank)
        self._multilingual = checkpoint.dims.vocabulary >= MULTILINGUAL
        self.translates = self._multilingual and settings.task == TRANSLATE
        self.languages = LANGUAGES if self._multilingual else (ENGLISH,)
        self.codes: dict[int, str] = {}
        for code in LANGUAGES:
            with suppress(ModelCorrupt):  # yue came with large-v3
                self.codes[tokenizer.language(code)] = code
        self.opening = 4 if self._multilingual else 2

    def detects(self, window: Window) -> bool:
        """Whether it has to be heard which language a window is in."""
        return self._multilingual and window.language == AUTO

    def order(self, window: Window, *, terms: bool = True, draft: Sequence[int] = ()) -> Order:
        """Return how a window is decoded.

        Args:
            window: To decode.
            terms: Whether the vocabulary is shown.
            draft: What probably comes.
        """
        prefix = self.tokenizer.encode("".join(word.text for word in window.prefix))
        prompt = self._prompt.tokens(window.prompt, terms=terms)
        longest = SPARE_TOKENS + TOKENS_PER_SECOND * len(window.samples) // SAMPLE_RATE
        return Order(
            [*prompt, *self._opening(window.language), *prefix],
            opening=len(prompt),
            longest=max(1, min(longest, self._most - len(prefix))),
            draft=draft,
            heard=len(window.samples) // SAMPLES_PER_POSITION + AHEAD,
        )

    def hypothesis(self, window: Window, aligned: Aligned) -> tuple[Hypothesis, list[tuple[Word, tuple[int, ...]]]]:
        """Return what was heard in a window, and its words with their tokens."""
        language, certainty = window.language if self._multilingual else ENGLISH, 1.0
        if self.detects(window):
            language, certainty = self.codes.get(aligned.language, ENGLISH), aligned.certainty
        if not aligned.written:
            return Hypothesis((), language, certainty, 0.0, aligned.silence), []
        at = len(aligned.tokens) - aligned.written
        logprob = float(np.mean(np.log(np.maximum(aligned.probabilities[at:], 1e-10))))
        words = []
        for unit in self.tokenizer.words(aligned.tokens[at:], ENGLISH if self.translates else language):
            after = at + len(unit.tokens)
            start, stop = (window.start + aligned.onsets[i] * SAMPLES_PER_POSITION for i in (at, after))
            words.append((Word(unit.text, start, stop, min(aligned.probabilities[at:after])), unit.tokens))
            at = after
        return Hypothesis(tuple(word for word, _ in words), language, certainty, logprob, aligned.silence), words

    def parroted(self, hypothesis: Hypothesis) -> bool:
        """Whether a word comes from the terms that were shown, and not from the sound."""
        return self._prompt.parroted(hypothesis.words)

    def _opening(self, language: str) -> list[int]:
        """Return the tokens before the text; a language that is not known yet is put in on the device."""
        tokenizer = self.tokenizer
        if not self._multilingual:
            return [tokenizer.start, tokenizer.untimed]
        spoken = tokenizer.language(ENGLISH if language == AUTO else language)
        # Nobody trained a model to translate English into English: it is written as it is said.
        task = tokenizer.translate if self.translates and language != ENGLISH else tokenizer.transcribe
        return [tokenizer.start, spoken, task, tokenizer.untimed]

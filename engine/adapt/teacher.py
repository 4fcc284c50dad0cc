"""What the original writes of the clean sound, how sure it is of each token, and where its alignment heads look.

What a person has told of a sound is taken as it is, without asking the original. Every other sound is padded to 30 s,
as the original was trained on, and heard once, however many items are views of it. A text that goes round in circles,
or has no end, or that the original doubts itself, teaches nothing: its items are dropped.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from engine.adapt.greedy import Greedy, Task, Text, window
from engine.adapt.records import Item, Told
from engine.errors import ModelCorrupt
from engine.records import Samples
from engine.speech.certainty import plain
from engine.speech.loops import repeated
from engine.units import SAMPLE_RATE, SAMPLES_PER_POSITION
from engine.whisper.cuda.decoding.rules import Marks, likeliest
from engine.whisper.cuda.model.weights import Checkpoint
from engine.whisper.cuda.model.whisper import Memory, Whisper
from engine.whisper.features import log_mel
from engine.whisper.prompt import Prompt
from engine.whisper.tokenizer import LANGUAGES, Tokenizer

TOKENS_PER_SECOND, SPARE_TOKENS = 9, 12  # nobody speaks faster; more is a loop
DOUBTFUL = -1.0  # mean log-probability of a token; what Whisper itself hears once more
MULTILINGUAL = 51865  # tokens; a smaller vocabulary is that of an English-only model


@dataclass(frozen=True, slots=True)
class Target:
    """What the student shall make of an item.

    Attributes:
        tokens: Everything the decoder reads: prompt, opening, text, end of text.
        start: Place of `<|startoftranscript|>`: there a model says in which language somebody speaks, or that nobody
            does.
        first: Index of the first token that is predicted.
        hidden: float32 [places, width]: what the original's decoder had at each of `places`. With the embeddings, which
            stay, it says the whole distribution in a hundredth of the bytes. None where nobody speaks.
        attention: float32 [alignment heads, predicted, positions of the student]: probabilities of the original, which
            may have looked beyond these positions. None where nobody speaks.
        told: A person has told the text: its tokens are all there is, and of the start nothing is known.
    """

    tokens: tuple[int, ...]
    start: int
    first: int
    hidden: Tensor | None = None
    attention: Tensor | None = None
    told: bool = False

    @property
    def places(self) -> tuple[int, ...]:
        """Indices of the tokens after which something is predicted: the start, and those before each predicted one."""
        before = set(range(self.first - 1, len(self.tokens) - 1))
        return tuple(sorted(before - {self.start} if self.told else before | {self.start}))

    def within(self, positions: int) -> "Target":
        """Return the same for a student that is shown so many positions."""
        if self.attention is None:
            return self
        return replace(self, attention=self.attention[:, :, :positions])


class Original:
    """The model as it was published.

    Args:
        checkpoint: From `read_checkpoint`.
        tokenizer: Of the model.
        device: Where it computes.
        dtype: In which type.
        doubtful: Mean log-probability of a token below which a text is not taught.
        swift: Whether it may be off by about a hundredth to save a third of its time, on processors with bfloat16.

    Attributes:
        aligned: Layer and head of each alignment head.
        multilingual: Whether it knows other languages than English.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        tokenizer: Tokenizer,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        *,
        doubtful: float = DOUBTFUL,
        swift: bool = False,
    ) -> None:
        self._model, self._tokenizer, self._prompt = (
            Whisper(checkpoint, device, dtype),
            tokenizer,
            Prompt(tokenizer, ()),
        )
        never = (*checkpoint.suppressed, *tokenizer.never)
        marks = Marks(tokenizer.end, tokenizer.untimed, tokenizer.no_speech, never, tokenizer.blank)
        self._doubtful = doubtful
        self._greedy = Greedy(self._model, marks, swift=swift)
        self.aligned = checkpoint.dims.alignment_heads
        self.multilingual = checkpoint.dims.vocabulary >= MULTILINGUAL
        self._languages = torch.tensor(_languages(tokenizer) if self.multilingual else [], device=device)

    @property
    def no_speech(self) -> int:
        """`<|nospeech|>`."""
        return self._tokenizer.no_speech

    @property
    def embeddings(self) -> Tensor:
        """Of tokens, [vocabulary, width]."""
        return self._model.embeddings

    @torch.no_grad()  # not inference mode: what it returns is read on the way back
    def targets(self, items: Sequence[Item]) -> list[Target | None]:
        """Return what the student shall make of items; None where the original has nothing to teach."""
        asked = [item for item in items if item.spoken and not item.told]
        taught = iter(self._spoken(asked) if asked else ())

        def target(item: Item) -> Target | None:
            if not item.spoken:
                return self._silence(item)
            return self._told(item) if item.told else next(taught)

        return list(map(target, items))

    @torch.no_grad()
    def heard(self, item: Item) -> Tensor:
        """Return what the encoder makes of an item as the student hears it, float32 [positions, width]."""
        return self._greedy.encoded(spectrum(item.heard, item.positions, self._model.dims.mels)).float()

    def _silence(self, item: Item) -> Target:
        """Return the target where nobody speaks: the end of text, behind a time where there are times."""
        told = self._prompt.tokens(item.prompt)
        opening = self._opening(
            self._tokenizer.language(item.language or "en") if self.multilingual else None, timed=item.timed
        )
        time = [self._tokenizer.untimed + 1] if item.timed else []
        return Target((*told, *opening, *time, self._tokenizer.end), len(told), len(told) + len(opening))

    def _told(self, item: Item) -> Target | None:
        """Return the target of a text that a person has told; None where nobody can have said so much, or just that."""
        tokenizer = self._tokenizer
        prompt = self._prompt.tokens(item.prompt)
        language = tokenizer.language(item.language or "en") if self.multilingual else None
        opening = self._opening(language, timed=item.timed)
        lines = [tokenizer.encode(f" {told.text}") for told in item.told]
        if any(token >= tokenizer.end for token in chain(*lines)):
            return None  # a special token, spelt out
        text = [*(self._timed(lines, item.told) if item.timed else chain(*lines)), tokenizer.end]
        if len(text) > self._task([], item.clean, timed=item.timed).longest:
            return None
        return Target((*prompt, *opening, *text), len(prompt), len(prompt) + len(opening), told=True)

    def _timed(self, lines: Sequence[Sequence[int]], told: Sequence[Told]) -> Iterator[int]:
        """Yield lines with the times around them, the first of which is the beginning, as Whisper mostly has it."""
        zero = self._tokenizer.untimed + 1
        for number, (line, said) in enumerate(zip(lines, told, strict=True)):
            yield zero + (round(said.start / SAMPLES_PER_POSITION) if number else 0)
            yield from line
            yield zero + round(said.stop / SAMPLES_PER_POSITION)

    def _spoken(self, items: Sequence[Item]) -> list[Target | None]:
        sounds = list({id(item.clean): item for item in items}.values())
        taught = {id(item.clean): target for item, target in zip(sounds, self._written(sounds), strict=True)}
        found = [(item, taught[id(item.clean)]) for item in items]
        return [target and target.within(item.positions) for item, target in found]

    def _written(self, items: Sequence[Item]) -> list[Target | None]:
        prompts = self._prompts(items)
        memory = self._remembered([item.clean for item in items])
        languages = self._named([item.language for item in items], memory)
        openings = [self._opening(language, timed=item.timed) for language, item in zip(languages, items, strict=True)]
        tasks = [
            self._task([*prompt, *opening], item.clean, timed=item.timed)
            for prompt, opening, item in zip(prompts, openings, items, strict=True)
        ]
        texts = self._greedy.written(tasks, memory)
        return [
            self._target(task, len(prompt), text.tokens, window(memory, row)) if self._sound(text) else None
            for row, (task, prompt, text) in enumerate(zip(tasks, prompts, texts, strict=True))
        ]

    def _prompts(self, items: Sequence[Item]) -> list[list[int]]:
        """Return what stands before each item: the words of the sound before, as the original writes them."""
        found = [self._prompt.tokens(item.prompt) for item in items]
        if asked := [index for index, item in enumerate(items) if len(item.before)]:
            sounds = [items[index].before for index in asked]
            memory = self._remembered(sounds)
            languages = self._named([items[index].language for index in asked], memory)
            tasks = [
                self._task(self._opening(language, timed=False), sound, timed=False)
                for language, sound in zip(languages, sounds, strict=True)
            ]
            for index, text in zip(asked, self._greedy.written(tasks, memory), strict=True):
                if self._sound(text):
                    found[index] = self._prompt.tokens(self._tokenizer.decode(text.tokens))
        return found

    def _remembered(self, sounds: Sequence[Samples]) -> Memory:
        dims = self._model.dims
        return self._greedy.remembered([spectrum(sound, dims.positions, dims.mels) for sound in sounds])

    def _named(self, languages: Sequence[str | None], memory: Memory) -> list[int | None]:
        """Return the token of the language of each sound, as it is told or else as it is heard."""
        if not self.multilingual:
            return [None] * len(languages)
        first = torch.zeros(len(languages), dtype=torch.int64, device=self._model.device)
        start = torch.full_like(first, self._tokenizer.start)[:, None]
        hidden, _ = self._model.read(start, first, self._model.cache(len(languages)), memory)
        heard = likeliest(self._model.logits(hidden[:, 0]), self._languages)[0].tolist()
        return [
            self._tokenizer.language(language) if language else token
            for language, token in zip(languages, heard, strict=True)
        ]

    def _opening(self, language: int | None, *, timed: bool) -> list[int]:
        tokenizer = self._tokenizer
        opening = [tokenizer.start] if language is None else [tokenizer.start, language, tokenizer.transcribe]
        return opening if timed else [*opening, tokenizer.untimed]

    def _task(self, told: Sequence[int], sound: Samples, *, timed: bool) -> Task:
        per_second = TOKENS_PER_SECOND + timed  # with times, a segment of two seconds has two tokens more
        longest = SPARE_TOKENS + per_second * len(sound) // SAMPLE_RATE
        return Task(tuple(told), min(longest, self._model.dims.tokens // 2), timed)

    def _sound(self, text: Text) -> bool:
        """Whether a text has an end, does not go round in circles, and is not doubtful."""
        if text.tokens[-1] != self._tokenizer.end or text.certainty < self._doubtful:
            return False
        words = self._tokenizer.decode(text.tokens).split()
        return not repeated([plain(word) for word in words])

    def _target(self, task: Task, start: int, text: Sequence[int], memory: Memory) -> Target:
        """Read a text once more, for the distribution and the attention at every token."""
        target = Target((*task.told, *text), start, len(task.told))
        tokens = torch.tensor([target.tokens], device=self._model.device)
        zero = torch.zeros(1, dtype=torch.int64, device=tokens.device)
        hidden, attention = self._model.read(tokens, zero, self._model.cache(1), memory, watch=True)
        looks = slice(target.first - 1, -1)
        return Target(
            target.tokens,
            start,
            target.first,
            hidden[0, list(target.places)].float(),
            None if attention is None else attention[0, :, looks].clone(),
        )


def spectrum(sound: Samples, positions: int, mels: int) -> Tensor:
    """Return the log-mel spectrogram [mels, 2 × positions] of a sound with silence behind it, or of its beginning."""
    shown = np.zeros(positions * SAMPLES_PER_POSITION, np.float32)
    kept = sound[: len(shown)]
    shown[: len(kept)] = kept
    return torch.from_numpy(log_mel(shown, mels))


def _languages(tokenizer: Tokenizer) -> list[int]:
    """Return the tokens of the languages a model knows."""
    found = []
    for code in LANGUAGES:
        with suppress(ModelCorrupt):  # yue came with large-v3
            found.append(tokenizer.language(code))
    return found

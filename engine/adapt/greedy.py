"""Several sounds written down side by side, always the likeliest token, under Whisper's own rules."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.whisper.cuda.decoding.rules import Marks, Rules
from engine.whisper.cuda.model.whisper import Cache, Memory, Whisper


@dataclass(frozen=True, slots=True)
class Task:
    """How a sound is written down.

    Attributes:
        told: What stands before the text: prompt and opening.
        longest: So many tokens at most, the end among them.
        timed: Whether the text carries time tokens.
    """

    told: tuple[int, ...]
    longest: int
    timed: bool


@dataclass(frozen=True, slots=True)
class Text:
    """What was written.

    Attributes:
        tokens: With the end of text, if one came in time.
        certainty: Mean log-probability of a token, among those that the rules allowed.
    """

    tokens: tuple[int, ...]
    certainty: float


class Greedy:
    """Writes.

    Args:
        model: What writes.
        marks: Its tokens that rules speak of.
        swift: Whether the products that cost most, the encoder's and those with the embeddings, are taken in bfloat16.
    """

    def __init__(self, model: Whisper, marks: Marks, *, swift: bool = False) -> None:
        self._model, self._end, self._swift = model, marks.end, swift
        self._embeddings = model.embeddings.bfloat16() if swift else model.embeddings
        self._untimed, self._timed = (
            Rules(marks, model.dims.vocabulary, model.device, timed=timed) for timed in (False, True)
        )

    def encoded(self, spectrum: Tensor) -> Tensor:
        """Return what the encoder makes of a log-mel spectrogram [mels, 2 × positions]: [positions, width]."""
        shown = spectrum[None].to(self._model.device, self._model.dtype)
        with torch.autocast(shown.device.type, torch.bfloat16, enabled=self._swift):
            return self._model.encode(shown)[0]

    def remembered(self, spectra: Sequence[Tensor]) -> Memory:
        """Return what the decoder may attend to of log-mel spectrograms [mels, 2 × positions], all of one length.

        They are encoded one by one: what is in between is the most of what a model takes.
        """
        positions = spectra[0].shape[1] // 2
        memory = self._model.memory(len(spectra), positions)
        memory.lengths.fill_(positions)
        for row, spectrum in enumerate(spectra):
            states = self.encoded(spectrum)[None]
            self._model.remember(states.to(self._model.dtype), window(memory, row))
        return memory

    def written(self, tasks: Sequence[Task], memory: Memory) -> list[Text]:
        """Return the text of each sound.

        Args:
            tasks: Of each sound; with its longest text it must fit into the decoder.
            memory: From `remembered`.
        """
        told = [len(task.told) for task in tasks]
        begins = torch.tensor(told, device=self._model.device)
        lasts = begins + torch.tensor([task.longest for task in tasks], device=begins.device)
        timed = torch.tensor([task.timed for task in tasks], device=begins.device)
        rows = torch.arange(len(tasks), device=begins.device)  # those that still write
        certainty = torch.zeros(len(tasks), device=begins.device)
        tokens = self._told(tasks, int(lasts.max()))
        cache = self._model.cache(len(tasks))
        hidden, _ = self._model.read(tokens[:, : max(told)], torch.zeros_like(begins), cache, memory)
        hidden, places = hidden[rows, begins - 1], begins - 1
        cache = _cut(cache, tokens.shape[1])
        while True:
            allowed = self._allowed(self._logits(hidden), tokens[rows], places, begins[rows], timed[rows])
            likely, chosen = allowed.log_softmax(1).max(1)
            certainty[rows] += likely
            places = places + 1
            tokens[rows, places] = chosen
            writes = (chosen != self._end) & (places + 1 < lasts[rows])
            if not writes.all():
                rows, places = rows[writes], places[writes]
                cache, memory = _kept(cache, memory, writes)
            if not len(rows):
                break
            hidden, _ = self._model.step(tokens[rows, places], places, cache, memory)
        found = zip(tokens.tolist(), tasks, certainty.tolist(), strict=True)
        return [self._text(row, len(task.told), task.longest, sure) for row, task, sure in found]

    def _told(self, tasks: Sequence[Task], places: int) -> Tensor:
        """Return int64 [sounds, places]: what each is told, and the end of text everywhere else."""
        tokens = torch.full((len(tasks), places), self._end, device=self._model.device)
        for row, task in enumerate(tasks):
            tokens[row, : len(task.told)] = torch.tensor(task.told, device=tokens.device)
        return tokens

    def _logits(self, hidden: Tensor) -> Tensor:
        """Return float32 [b, vocabulary]."""
        return functional.linear(hidden.to(self._embeddings.dtype), self._embeddings).float()

    def _allowed(self, logits: Tensor, tokens: Tensor, places: Tensor, begins: Tensor, timed: Tensor) -> Tensor:
        """Return the logits [b, vocabulary] of each row, none of what its rules forbid."""
        allowed = self._untimed.masked(logits, tokens, places, begins)
        if timed.any():
            allowed = torch.where(timed[:, None], self._timed.masked(logits, tokens, places, begins), allowed)
        return allowed

    def _text(self, row: list[int], begin: int, longest: int, certainty: float) -> Text:
        written = row[begin : begin + longest]
        if self._end in written:
            written = written[: written.index(self._end) + 1]
        return Text(tuple(written), certainty / len(written))


def window(memory: Memory, row: int) -> Memory:
    """Return the memory of one sound, not copied."""
    one = slice(row, row + 1)
    return Memory(memory.keys[:, one], memory.values[:, one], memory.lengths[one])


def _cut(cache: Cache, places: int) -> Cache:
    """Return the first places of a cache, not copied: the others would be attended to in vain."""
    return Cache(cache.keys[:, :, :, :places], cache.values[:, :, :, :places])


def _kept(cache: Cache, memory: Memory, rows: Tensor) -> tuple[Cache, Memory]:
    """Return the rows that bool [b] says."""
    return (
        Cache(cache.keys[:, rows], cache.values[:, rows]),
        Memory(memory.keys[:, rows], memory.values[:, rows], memory.lengths[rows]),
    )

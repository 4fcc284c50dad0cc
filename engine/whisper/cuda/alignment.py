"""Times and probabilities of a text that was just written: one more pass of the decoder, without the prompt.

The text never leaves the device before: what the search has chosen is put behind its opening there, read with the
attention of the alignment heads, and everything that is known of the window goes to the host at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.whisper.cuda.device import Device, Graph, Pending
from engine.whisper.cuda.model import Cache, Memory, Whisper
from engine.whisper.cuda.search import TOLD, Search
from engine.whisper.cuda.timing import onsets, smoothed


@dataclass(frozen=True, slots=True)
class Aligned:
    """What the host learns of a window.

    Attributes:
        finished: Whether the search had ended; if not, the rest says nothing.
        tokens: Of the prefix and of what was written after it.
        written: How many of them were.
        accepted: How many of these came from the draft.
        onsets: The position at which each begins, and at which the last ends.
        probabilities: Of each, by the sound alone.
        silence: The model's own probability that nobody speaks.
        language: Token of the language that was heard, where it was asked for.
        certainty: The model's probability of it.
    """

    finished: bool
    tokens: list[int]
    written: int
    accepted: int
    onsets: list[int]
    probabilities: list[float]
    silence: float
    language: int
    certainty: float


class Alignment:
    """Aligns what a search of one window has written.

    Args:
        model: Whose decoder it is.
        device: Where.
        search: What writes.
        memory: Of the window.
        end: `<|endoftext|>`.
    """

    def __init__(self, model: Whisper, device: Device, search: Search, memory: Memory, end: int) -> None:
        self._model, self._device, self._search, self._memory, self._end = model, device, search, memory, end
        self._graphs: dict[int, Graph] = {}
        with device.compute():
            self._cache: Cache = model.cache(1)
            self._zero = torch.zeros(1, dtype=torch.int64, device=device.place)

    def prepare(self, length: int) -> int:
        """Capture the pass over so many tokens, and return how many it takes. Not for the live path."""
        length = min(next(size for size in TOLD if size >= length), self._model.dims.tokens)
        if length not in self._graphs:
            self._graphs[length] = self._device.capture(f"align {length}", lambda: self._align(length))
        return length

    def fetch(self, length: int, heard: int, language: Sequence[Tensor]) -> Pending:
        """Align, and let the result come to the host.

        Args:
            length: Opening, text and end are no more tokens than this.
            heard: Positions in which a word may lie.
            language: Its token and its probability, [1] each.
        """
        tokens, sizes, matrix, probabilities = self._graphs[self.prepare(length)].replay()
        search = self._search
        with self._device.compute():
            seen = matrix[:, :heard].contiguous()
        return self._device.fetch(search.finished, search.silence, tokens, sizes, seen, probabilities, *language)

    @staticmethod
    def read(pending: Pending, opening: int) -> Aligned:
        """Wait for what was fetched; the one read of an update.

        Args:
            pending: From `fetch`.
            opening: Tokens before the text: the start, what is spoken, what is wanted, that there are no times.
        """
        finished, silence, tokens, (length, written, accepted), matrix, probabilities, language, certainty = (
            pending.get()
        )
        count = int(length) - opening - 1
        rows = slice(opening - 1, opening + count)
        return Aligned(
            bool(finished.all()),
            tokens[opening : opening + count].tolist(),
            int(written),
            int(accepted),
            onsets(matrix[rows]) if written and finished.all() else [],
            probabilities[rows][:count].tolist(),
            float(silence[0]),
            int(language[0]),
            float(certainty[0]),
        )

    def _align(self, length: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the tokens [n]; how many they are, were written, were drafted [3]; the matrix; the probabilities.

        Row i of the matrix is the attention of token i, which writes token i + 1; likewise the probabilities.
        """
        search, model = self._search, self._model
        text, written, _ = search.chosen()
        size = search.begin - search.opening + written + 1
        place = torch.arange(length, device=text.device)
        tokens = text[0, (search.opening + place).clamp(max=text.shape[1] - 1)]
        tokens = torch.where(place < size - 1, tokens, self._end)
        hidden, attention = model.read(tokens[None], self._zero, self._cache, self._memory, watch=True)
        if attention is None:
            raise ValueError("a model without alignment heads has no times")
        heard = search.heard.clamp(max=attention.shape[3])
        matrix = smoothed(attention, size, torch.minimum(heard, self._memory.lengths))
        logprobs = model.logits(hidden[0])[:, : self._end].log_softmax(1)
        probabilities = logprobs.gather(1, tokens.roll(-1).clamp(max=self._end - 1)[:, None])[:, 0].exp()
        return tokens, torch.cat([size, written, search.accepted]), matrix[0], probabilities

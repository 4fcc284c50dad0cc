"""Times and probabilities of a text that was just written: one more pass of the decoder, without the prompt.

The text never leaves the device before: what the search has chosen is put behind its opening there, read with the
attention of the alignment heads, and everything that is known of the window goes to the host at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.whisper.cuda.decoding.orders import Order
from engine.whisper.cuda.decoding.search import TOLD, Search
from engine.whisper.cuda.decoding.timing import onsets, smoothed
from engine.whisper.cuda.device.protocol import Device, Graph, Pending
from engine.whisper.cuda.model.whisper import Memory, Whisper


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
    """Aligns what a search has written in one of its windows.

    Args:
        model: Whose decoder it is.
        device: Where.
        search: What writes.
        memory: Of all its windows.
        end: `<|endoftext|>`.
        language: Of each of its windows, the token int64 [k] and its probability [k].
    """

    def __init__(
        self, model: Whisper, device: Device, search: Search, memory: Memory, *, end: int, language: Sequence[Tensor]
    ) -> None:
        self._model, self._device, self._search, self._memory, self._end = model, device, search, memory, end
        self._language = tuple(language)
        self._graphs: dict[int, Graph] = {}
        with device.compute():
            self._cache = model.cache(1)
            self._zero = torch.zeros(1, dtype=torch.int64, device=device.place)
            self._slots = torch.arange(search.windows, device=device.place).split(1)
            self._slot = self._zero.clone()

    def prepare(self, length: int) -> int:
        """Capture the pass over so many tokens, and return how many it takes. Not for the live path."""
        length = min(next(size for size in TOLD if size >= length), self._model.dims.tokens)
        if length not in self._graphs:
            self._graphs[length] = self._device.capture(f"align {length}", lambda slot: self._align(length, slot),
                                                        self._slot)  # fmt: skip
        return length

    def fetch(self, order: Order, steps: int, slot: int = 0) -> Pending:
        """Align, and let the result come to the host.

        Args:
            order: Of the window.
            steps: No more were made since it entered.
            slot: Which window.
        """
        longest = min(order.longest, len(order.draft) + 1 + steps)
        length = self.prepare(len(order.told) - order.opening + longest + 1)
        with self._device.compute():
            tokens, sizes, matrix, *further = self._graphs[length].replay(self._slots[slot])
            seen = matrix[:, : min(order.heard, matrix.shape[1])].contiguous()
        return self._device.fetch(tokens, sizes, seen, *further)

    @staticmethod
    def read(pending: Pending, opening: int) -> Aligned:
        """Wait for what was fetched; the one read of an update.

        Args:
            pending: From `fetch`.
            opening: Tokens before the text: the start, what is spoken, what is wanted, that there are no times.
        """
        tokens, sizes, matrix, probabilities, finished, silence, language, certainty = pending.get()
        length, written, accepted = (int(size) for size in sizes)
        count = length - opening - 1
        rows = slice(opening - 1, opening + count)
        ended = bool(finished.all())
        return Aligned(
            ended,
            tokens[opening : opening + count].tolist(),
            written,
            min(accepted, written),
            onsets(matrix[rows]) if ended and written else [],
            probabilities[rows][:count].tolist(),
            float(silence[0]),
            int(language[0]),
            float(certainty[0]),
        )

    def _align(self, length: int, slot: Tensor) -> tuple[Tensor, ...]:
        """Return tokens [n]; how many they are, were written, were drafted [3]; matrix; probabilities; the rest.

        Row i of the matrix is the attention of token i, which writes token i + 1; likewise the probabilities.
        """
        search, model, memory = self._search, self._model, self._of(slot)
        texts, counts, _ = search.chosen()
        text, written, opening = texts[slot], counts[slot], search.openings[slot]
        size = search.begins[slot] - opening + written + 1
        place = torch.arange(length, device=text.device)
        tokens = text[0, (opening + place).clamp(max=text.shape[1] - 1)]
        tokens = torch.where(place < size - 1, tokens, self._end)
        hidden, attention = model.read(tokens[None], self._zero, self._cache, memory, watch=True)
        if attention is None:
            raise ValueError("a model without alignment heads has no times")
        matrix = smoothed(attention, size, torch.minimum(search.heard[slot], memory.lengths))
        logprobs = model.logits(hidden[0])[:, : self._end].log_softmax(1)
        probabilities = logprobs.gather(1, tokens.roll(-1).clamp(max=self._end - 1)[:, None])[:, 0].exp()
        sizes = torch.cat([size, written, search.accepted[slot]])
        told = (search.finished[slot], search.silence[slot], *(each[slot] for each in self._language))
        return tokens, sizes, matrix[0], probabilities, *told

    def _of(self, slot: Tensor) -> Memory:
        """Return the memory of one window."""
        memory = self._memory
        if self._search.windows == 1:
            return memory
        keys, values = (each.index_select(1, slot) for each in (memory.keys, memory.values))
        return Memory(keys, values, memory.lengths[slot])

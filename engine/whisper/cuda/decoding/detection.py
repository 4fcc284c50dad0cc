"""Which language is spoken: heard on the device, and put into what the decoder is told before it is read there."""

import torch

from engine.whisper.cuda.decoding.rules import likeliest
from engine.whisper.cuda.decoding.search import Search
from engine.whisper.cuda.decoding.wording import Wording
from engine.whisper.cuda.device.protocol import Device
from engine.whisper.cuda.model.whisper import Memory, Whisper


class Detection:
    """Hears the language of the window that a search was told of last.

    Args:
        model: Whose decoder it is.
        device: Where.
        search: What is told.
        memory: Of the one window.
        wording: Its languages and its task.

    Attributes:
        spoken: int64 [k], the token of the language in each of the search's windows.
        share: float32 [k], its probability.
    """

    def __init__(self, model: Whisper, device: Device, search: Search, memory: Memory, wording: Wording) -> None:
        self._model, self._search, self._memory = model, search, memory
        tokenizer = wording.tokenizer
        with device.compute():
            place = device.place
            self.spoken = torch.zeros(search.windows, dtype=torch.int64, device=place)
            self.share = torch.ones(search.windows, device=place)
            self._start = torch.full((1, 1), tokenizer.start, dtype=torch.int64, device=place)
            self._first = torch.zeros(1, dtype=torch.int64, device=place)
            self._languages = torch.tensor(sorted(wording.codes), dtype=torch.int64, device=place)
            # Nobody trained a model to translate English into English: it is written as it is said.
            tasks = [tokenizer.translate if wording.translates else tokenizer.transcribe, tokenizer.transcribe]
            self._tasks = torch.tensor(tasks, dtype=torch.int64, device=place)
            self._cache = model.cache(1)
        self._english = tokenizer.language("en")
        self._graph = device.capture("language", self._detect)

    def detect(self) -> None:
        """Launch it, behind what brought the order."""
        self._graph.replay()

    def _detect(self) -> None:
        search = self._search
        hidden, _ = self._model.read(self._start, self._first, self._cache, self._memory)
        token, share = likeliest(self._model.logits(hidden[:, 0]), self._languages)
        self.spoken.index_copy_(0, search.order.slot, token)
        self.share.index_copy_(0, search.order.slot, share)
        task = self._tasks[(token == self._english).to(torch.int64)]
        search.order.told[0].index_copy_(0, search.order.opening + 1, token)
        search.order.told[0].index_copy_(0, search.order.opening + 2, task)

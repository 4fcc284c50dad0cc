"""Greedy and beam search as steps that can be captured, over tensors that stay where they are.

    enter   what is told (prompt, opening, prefix) and a draft are read in one pass; the first token is chosen
    advance captured steps: a token of every row each
    chosen  the best text of each window

Windows enter and leave one by one, so that one search serves a live stream (one window) and whole recordings (many).
Greedily and untimed no logits are written to memory. Whether all are finished is read one round late: the next steps
are launched before the answer to the last ones is there, and steps of a finished row change nothing.

`behind` is AlignAtt's rule (Papi et al. 2023): a text ends before the token whose attention, the mean of the alignment
heads, is highest at or behind a position.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from engine.whisper.cuda.decoding.beams import Beams, begun, chosen, widened
from engine.whisper.cuda.decoding.draft import LONGEST, accepted
from engine.whisper.cuda.decoding.orders import Order, Orders
from engine.whisper.cuda.decoding.rules import Rules
from engine.whisper.cuda.device.protocol import Device, Event, Graph
from engine.whisper.cuda.model.whisper import Cache, Memory, Whisper

ROUND = 4  # steps between two looks at what is finished
TOLD = (32, 64, 128, 256, 448)  # lengths that what is told is padded to: a graph each
DRAFTS = (1, 16, LONGEST + 1)  # places at which a token is chosen in that pass


class Search:
    """Decodes k windows side by side.

    Args:
        model: Whose decoder it is.
        device: Where.
        rules: What may be written.
        memory: Of the k windows.
        beams: Width of the search; 1 is greedy.
        watched: Whether `behind` is heeded: the attention is then read in every step.

    Attributes:
        finished: bool [k].
        silence: float32 [k], the model's own probability that nobody speaks.
        accepted: int64 [k], how many tokens of its draft stand.
        order: The last one that was told.
        openings: int64 [k], of the orders of all windows.
        begins: int64 [k]: where what each was told ends.
        heard: int64 [k], of the orders of all windows.
    """

    def __init__(
        self,
        model: Whisper,
        device: Device,
        rules: Rules,
        memory: Memory,
        *,
        beams: int = 1,
        watched: bool = False,
    ) -> None:
        self._model, self._device, self._rules, self._memory = model, device, rules, memory
        self._beams, self._watched = beams, watched
        self._plain = beams == 1 and not rules.timed  # the likeliest token, and no logits in memory
        windows, tokens = len(memory.lengths), model.dims.tokens
        with device.compute():
            self._cache = model.cache(windows * beams)
            zeros = torch.zeros(windows, dtype=torch.int64, device=device.place)
            self.begins, self._ends, self._behind = zeros, zeros.clone(), zeros.clone()
            self.openings, self.heard = zeros.clone(), zeros.clone()
            self._first_rows = torch.arange(windows, device=device.place) * beams
            self._state = begun(torch.zeros((windows, tokens), dtype=torch.int64, device=device.place), zeros + 1,
                                self._first_rows, beams)  # fmt: skip
            self.finished = torch.ones(windows, dtype=torch.bool, device=device.place)
            self.silence = torch.zeros(windows, device=device.place)
            self.accepted = zeros.clone()
            self._zero = torch.zeros(1, dtype=torch.int64, device=device.place)
            # One window enters at a time, through a cache of its own where there are several.
            self._alone = windows == 1
            first = Cache(self._cache.keys[:, :1], self._cache.values[:, :1])
            self._entrance = first if self._alone else model.cache(1)
        self.order = Orders(device, tokens)
        self._enters: dict[tuple[int, int], Graph] = {}
        self._step = device.capture(f"step {windows} x {beams}", self._advance)

    @property
    def windows(self) -> int:
        """How many are decoded side by side."""
        return len(self.finished)

    def tell(self, order: Order, slot: int = 0) -> Event:
        """Bring an order to the device, where it may be changed before it is entered; return when it is there.

        Raises:
            ValueError: It leaves no room to write.
        """
        begin, tokens = len(order.told), self._model.dims.tokens
        most = max(0, min(LONGEST, tokens - begin, order.longest) - 1) if self._plain else 0
        order = replace(order, draft=list(order.draft)[:most])
        told = min(_at_least(min(begin + len(order.draft), tokens), TOLD), tokens)
        self._shape = (told, _at_least(len(order.draft) + 1, DRAFTS))
        return self.order.bring(order, slot)

    def enter(self, entrance: Memory | None = None) -> None:
        """Read what was told and begin to write; on the compute stream, behind the event of `tell`.

        Args:
            entrance: Of the one window; the search's own where it has no other.
        """
        self._prepare(self._shape, entrance)
        self._enters[self._shape].replay()
        self.order.taken()

    def prepare(self, longest: int, entrance: Memory | None = None) -> None:
        """Capture what orders of up to so many tokens need, while nothing is decoded. Takes its time.

        Args:
            longest: Tokens that are told, and of a draft.
            entrance: As for `enter`.
        """
        for told in TOLD[: TOLD.index(_at_least(longest, TOLD)) + 1]:
            for drafts in DRAFTS if self._plain else DRAFTS[:1]:
                self._prepare((min(told, self._model.dims.tokens), drafts), entrance)

    def _prepare(self, shape: tuple[int, int], entrance: Memory | None) -> None:
        if shape not in self._enters:
            memory = self._memory if entrance is None else entrance
            name = "enter {} with {}".format(*shape)
            self._enters[shape] = self._device.capture(name, partial(self._enter, memory, *shape))

    def advance(self, steps: int = ROUND) -> None:
        """Write so many tokens in every row that is not finished."""
        for _ in range(steps):
            self._step.replay()

    def finish(self) -> int:
        """Write until everything is finished; return how many steps that took."""
        steps, before = 0, None
        while steps < self._model.dims.tokens + 2 * ROUND:  # by then everything has; a device that failed says nothing
            self.advance()
            steps += ROUND
            now = self._device.fetch(self.finished)
            if before is not None and before.get()[0].all():
                break
            before = now
        return steps

    def chosen(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the best text of each window: tokens [k, 448], how many were written [k], their log-probability [k].

        The text begins behind what was told. To be called inside a capture, or inside `compute`.
        """
        if not self._plain:
            return chosen(self._state, self.begins)
        state = self._state
        tokens = state.tokens[:, 0]
        ended = tokens.gather(1, state.places[:, None])[:, 0] == self._rules.marks.end
        return tokens, state.places + 1 - self.begins - ended.to(torch.int64), state.scores[:, 0]

    def _enter(self, memory: Memory, told: int, drafts: int) -> None:
        """Read what is told, choose what comes next, and put it all into the window's slot."""
        tokens = self.order.told[:, :told]
        hidden, attention = self._model.read(tokens, self._zero, self._entrance, memory, watch=self._watched)
        silence = self._rules.silence(self._model.logits(hidden[0, self.order.opening]))
        at = (self.order.begin - 1 + torch.arange(drafts, device=tokens.device)).clamp(max=told - 1)
        stopped = _peaks(attention[0, :, at].transpose(0, 1)) >= self.order.behind if attention is not None else None
        state = begun(self.order.told, self.order.begin, self.order.slot * self._beams, self._beams)
        state = (
            self._with_draft(state, hidden[0, at], stopped)
            if self._plain
            else self._widened(state, hidden[0, at[:1]], self.order.begin, self.order.slot * self._beams, stopped)
        )
        if not self._alone:
            row = self.order.slot * self._beams
            self._cache.keys[:, :, :, :told].index_copy_(1, row, self._entrance.keys[:, :, :, :told])
            self._cache.values[:, :, :, :told].index_copy_(1, row, self._entrance.values[:, :, :, :told])
        finished = self._is_finished(state, self.order.end)
        accepted = state.places - self.order.begin if self._plain else self._zero
        mine = (self.begins, self._ends, self._behind, self.openings, self.heard)
        new = (self.order.begin, self.order.end, self.order.behind, self.order.opening, self.order.heard)
        mine = (*self._state.tensors(), *mine, self.silence, self.accepted, self.finished)
        new = (*state.tensors(), *new, silence, accepted, finished)
        for tensor, value in zip(mine, new, strict=True):
            tensor.index_copy_(0, self.order.slot, value.to(tensor.dtype))

    def _with_draft(self, state: Beams, hidden: Tensor, stopped: Tensor | None) -> Beams:
        """Return what a row has written once it has read its draft."""
        written, logprobs = self._best(hidden, self._rules.always)
        first, first_logprob = self._best(hidden[:1], self._rules.first)
        written, logprobs = torch.cat([first, written[1:]]), torch.cat([first_logprob, logprobs[1:]])
        at = self.order.begin + torch.arange(len(written), device=written.device)
        drafted = self.order.told[0, at.clamp(max=self.order.told.shape[1] - 1)]
        count = accepted(drafted, self.order.drafted, written, stopped)
        if stopped is not None:
            written = torch.where(stopped, self._rules.marks.end, written)
            logprobs = logprobs.masked_fill(stopped, 0.0)
        place = self.order.begin + count
        score = (logprobs * (torch.arange(len(logprobs), device=logprobs.device) <= count)).sum(0)
        tokens = state.tokens.scatter(2, place[:, None, None], written[count][:, None, None])
        return Beams(tokens, state.rows, place, score[None, None], *state.tensors()[4:])

    def _advance(self) -> None:
        """Write one token in every row that is not finished."""
        old = self._state
        k, m, tokens = old.tokens.shape
        places = old.places[:, None].expand(k, m).flatten()
        current = old.tokens.view(k * m, tokens).gather(1, places[:, None])[:, 0]
        rows = old.rows.view(k * m, tokens) if m > 1 else None
        hidden, attention = self._model.step(current, places, self._cache, self._memory, rows=rows, watch=self._watched)
        stopped = None
        if attention is not None:
            stopped = _peaks(attention) >= self._behind[:, None].expand(k, m).flatten()
        new = (
            self._followed(old, hidden, stopped)
            if self._plain
            else self._widened(old, hidden, self.begins, self._first_rows, stopped)
        )
        finished = self.finished
        for mine, value in zip(old.tensors(), new.tensors(), strict=True):
            if value is not mine:
                mine.copy_(torch.where(finished.view(-1, *[1] * (mine.dim() - 1)), mine, value))
        self.finished.copy_(finished | self._is_finished(old, self._ends))

    def _followed(self, old: Beams, hidden: Tensor, stopped: Tensor | None) -> Beams:
        """Return rows with their likeliest token, which needs no logits in memory."""
        token, logprob = self._best(hidden, self._rules.always)
        if stopped is not None:
            token, logprob = torch.where(stopped, self._rules.marks.end, token), logprob.masked_fill(stopped, 0.0)
        places = old.places + 1
        at = places.clamp(max=old.tokens.shape[2] - 1)  # a finished row may stand at the last place
        tokens = old.tokens.scatter(2, at[:, None, None], token[:, None, None])
        return Beams(tokens, old.rows, places, old.scores + logprob[:, None], *old.tensors()[4:])

    def _widened(self, old: Beams, hidden: Tensor, begins: Tensor, first_rows: Tensor, stopped: Tensor | None) -> Beams:
        """Return beams one token on.

        Args:
            old: As they stand.
            hidden: [k × m, width], or [k, width] where all beams are alike.
            begins: int64 [k].
            first_rows: int64 [k].
            stopped: bool, as many as `hidden`: what ends here.
        """
        k, m, tokens = old.tokens.shape
        per_window = len(hidden) // k
        places = old.places[:, None].expand(k, per_window).flatten()
        logits = self._rules.masked(
            self._model.logits(hidden),
            old.tokens[:, :per_window].reshape(-1, tokens),
            places,
            begins[:, None].expand(k, per_window).flatten(),
        )
        logprobs = logits.log_softmax(1)
        if stopped is not None:
            logprobs = torch.where(stopped[:, None], self._ending(logprobs), logprobs)
        at_most = old.places.clamp(max=tokens - 2)  # a finished window may stand at the last place
        old = Beams(old.tokens, old.rows, at_most, *old.tensors()[3:])
        return widened(
            old, logprobs.view(k, per_window, -1).expand(k, m, -1), begins, first_rows, self._rules.marks.end
        )

    def _ending(self, logprobs: Tensor) -> Tensor:
        ids = torch.arange(logprobs.shape[1], device=logprobs.device)
        return torch.where(ids == self._rules.marks.end, 0.0, -torch.inf)

    def _best(self, hidden: Tensor, forbidden: Tensor) -> tuple[Tensor, Tensor]:
        model = self._model
        return model.operations.best_token(hidden, model.embeddings, forbidden, scales=model.embedding_scales)

    def _is_finished(self, state: Beams, ends: Tensor) -> Tensor:
        """Return bool [k]: whether enough has ended, or there is no more room."""
        full = state.places + 1 >= ends
        if not self._plain:
            return full | (state.done >= self._beams)
        last = state.tokens[:, 0].gather(1, state.places[:, None])[:, 0]
        return full | (last == self._rules.marks.end)


def _peaks(attention: Tensor) -> Tensor:
    """Return at which position the mean of the heads is highest, [b] of [b, heads, positions]."""
    return attention.mean(1).argmax(1)


def _at_least(value: int, sizes: Sequence[int]) -> int:
    return next(size for size in sizes if size >= value)

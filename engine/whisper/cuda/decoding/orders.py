"""How a window is decoded, and the way of that to the device."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from engine.whisper.cuda.device.protocol import Device, Event

FAR = 1 << 30  # a position behind all others
SHEETS = 8  # orders that may be on their way
FACTS = 7  # numbers beside the tokens of an order


@dataclass(frozen=True, slots=True)
class Order:
    """How a window is decoded.

    Attributes:
        told: Prompt, opening and prefix.
        opening: The place of `<|startoftranscript|>` in it.
        longest: So many tokens may be written.
        draft: What probably comes; greedy search only.
        behind: A position that no token may attend to or behind.
        heard: Positions in which a word may lie; the search hands it on to the alignment.
    """

    told: Sequence[int]
    opening: int
    longest: int
    draft: Sequence[int] = ()
    behind: int = FAR
    heard: int = 0


class Orders:
    """Brings orders to the device, one after another into the same place.

    Args:
        device: Where to.
        tokens: The longest sequence of the decoder.

    Attributes:
        told: int64 [1, tokens], and the draft behind it.
        opening: int64 [1], as the following: see `Order`.
        begin: Where what is told ends.
        end: Where what is written ends at the latest.
        drafted: How long the draft is.
        behind: See `Order`.
        slot: Which of the windows it is.
        heard: See `Order`.
    """

    def __init__(self, device: Device, tokens: int) -> None:
        self._device, self._tokens = device, tokens
        with device.compute():
            # Until there is an order: one token is told, one may be written.
            blank = [*[0] * tokens, 0, 1, 2, 0, FAR, 0, 1]
            self._order = torch.tensor(blank, dtype=torch.int64, device=device.place)
        self.told = self._order[None, :tokens]
        facts = self._order[tokens:].split(1)
        self.opening, self.begin, self.end, self.drafted, self.behind, self.slot, self.heard = facts
        self._sheets = [device.page_locked((tokens + FACTS,), torch.int64) for _ in range(SHEETS)]
        self._brought: list[Event | None] = [None] * SHEETS
        self._number = 0
        self._read = device.mark()

    def bring(self, order: Order, slot: int) -> Event:
        """Start bringing an order, and return when it is there.

        Raises:
            ValueError: It leaves no room to write.
        """
        begin = len(order.told)
        room = self._tokens - begin
        if room < 1 or order.longest < 1:
            raise ValueError(f"{begin} tokens leave no room to write {order.longest}")
        self._number = (self._number + 1) % SHEETS
        sheet, brought = self._sheets[self._number], self._brought[self._number]
        if brought is not None and not brought.done():
            brought.wait()  # what this memory held last is still on its way
        values = sheet.numpy()
        values[: begin + len(order.draft)] = [*order.told, *order.draft]
        end = begin + min(order.longest, room)
        values[-FACTS:] = (order.opening, begin, end, len(order.draft), order.behind, slot, order.heard)
        event = self._device.upload(sheet, self._order, self._read)
        self._brought[self._number] = event
        return event

    def taken(self) -> None:
        """Say that what was launched so far read the order; the next one comes behind it."""
        self._read = self._device.mark()

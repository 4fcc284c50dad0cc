"""Which bytes of which memory a tensor covers, for a device that records."""

import math
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from engine.whisper.cuda.proof.order import Access, Span, merged

Bytes: TypeAlias = NDArray[np.uint8]

MOST_SPANS = 4096  # of one tensor; one that is in more pieces counts as everything between its ends


class Kind(Enum):
    """Where memory would be if there were a GPU."""

    DEVICE = "device"
    HOST = "host"
    PAGE_LOCKED = "page-locked"


@dataclass(slots=True)
class Buffer:
    """One storage.

    Attributes:
        name: As an `Access` calls it.
        what: As a person calls it.
        kind: Where it would be.
        start: Its address.
        stop: One past its last byte.
        storage: Not kept alive; its number is not used again while this lives.
        lane: Of the stream that it was made on, where it was made by computing.
    """

    name: str
    what: str
    kind: Kind
    start: int
    stop: int
    storage: StorageWeakRef
    lane: str = ""

    @property
    def alive(self) -> bool:
        """Whether any tensor still has it."""
        return not self.storage.expired()


class Buffers:
    """Every storage that was ever seen."""

    def __init__(self) -> None:
        self._known: dict[int, Buffer] = {}
        self._names: dict[str, Buffer] = {}
        self._page_locked: list[Buffer] = []

    def __contains__(self, tensor: Tensor) -> bool:
        return StorageWeakRef(tensor.untyped_storage()).cdata in self._known or self._within(tensor) is not None

    def add(self, tensor: Tensor, what: str, kind: Kind, lane: str = "") -> Buffer:
        """Take a storage that was not seen before."""
        storage = tensor.untyped_storage()
        reference = StorageWeakRef(storage)
        start = storage.data_ptr()
        text = f"{what} {str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
        buffer = Buffer(f"#{len(self._names)}", text, kind, start, start + storage.nbytes(), reference, lane)
        self._known[reference.cdata] = buffer
        self._names[buffer.name] = buffer
        if kind is Kind.PAGE_LOCKED:
            self._page_locked.append(buffer)
        return buffer

    def of(self, tensor: Tensor) -> Buffer:
        """Return a tensor's storage; one that was not seen before is the device's, and was there before."""
        known = self._known.get(StorageWeakRef(tensor.untyped_storage()).cdata)
        return known or self._within(tensor) or self.add(tensor, "given", Kind.DEVICE)

    def access(self, tensor: Tensor, *, writes: bool, fills: bool = True) -> Access:
        """Return what touching a tensor touches."""
        buffer = self.of(tensor)
        shift = tensor.untyped_storage().data_ptr() - buffer.start  # numpy may hand memory back as another storage
        return Access(buffer.name, tuple((a + shift, b + shift) for a, b in spans(tensor)), writes, fills)

    def named(self, name: str) -> Buffer | None:
        """Return the buffer that an `Access` calls so, if it is one."""
        return self._names.get(name)

    def what(self, name: str) -> str:
        """Return what a person calls a buffer."""
        buffer = self._names[name]
        return f"{buffer.what} ({name})"

    def _within(self, tensor: Tensor) -> Buffer | None:
        at = tensor.untyped_storage().data_ptr()
        return next((buffer for buffer in self._page_locked if buffer.start <= at < buffer.stop), None)


def spans(tensor: Tensor) -> list[Span]:
    """Return the bytes of its storage that a tensor covers, sorted and apart."""
    if not tensor.numel():
        return []
    size = tensor.element_size()
    steps = sorted((stride * size, n) for stride, n in zip(tensor.stride(), tensor.shape, strict=True) if n > 1)
    run = size
    apart: list[tuple[int, int]] = []
    for step, n in steps:
        if step <= run and not apart:
            run = max(run, step * (n - 1) + run)
        else:
            apart.append((step, n))
    first = tensor.storage_offset() * size
    if math.prod(n for _, n in apart) > MOST_SPANS:
        return [(first, first + run + sum(step * (n - 1) for step, n in apart))]
    starts = np.array([first])
    for step, n in apart:
        starts = (starts[:, None] + step * np.arange(n)).reshape(-1)
    return merged((int(start), int(start) + run) for start in starts)


def changed(before: Bytes, now: Bytes) -> tuple[Span, ...]:
    """Return where bytes differ, sorted and apart."""
    if np.array_equal(before, now):
        return ()
    edges = np.flatnonzero(np.diff(before != now, prepend=False, append=False))
    return tuple((int(start), int(stop)) for start, stop in edges.reshape(-1, 2))

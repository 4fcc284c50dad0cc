"""What a file of a model must be, and whether it is: size, SHA-256, or git's id where the hub has only that.

A pin says what was published, a measure what lies on disk. Wherever the bytes come from, the pins are the
same.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

_BLOCK = 1 << 20

Parts: TypeAlias = Sequence[Path]
"""The files whose bytes, joined in order, are one file of a model; nearly always a single one."""


@dataclass(frozen=True, slots=True)
class Pin:
    """What is known of one file of a model; None is unknown, never a guess.

    Attributes:
        name: The file's name inside the model's folder.
        bytes: Its size.
        sha256: Lower-case hex.
        git_blob: SHA-1 by which git names the content.
    """

    name: str
    bytes: int | None = None
    sha256: str | None = None
    git_blob: str | None = None

    @property
    def known(self) -> bool:
        """Whether the content is pinned, by whatever digest."""
        return self.sha256 is not None or self.git_blob is not None

    def holds(self, measure: "Measure") -> bool:
        """Return whether a measured file is the pinned one, as far as the pin knows."""
        wanted = (self.bytes, self.sha256, self.git_blob)
        found = (measure.bytes, measure.sha256, measure.git_blob)
        return all(want is None or want == have for want, have in zip(wanted, found, strict=True))


@dataclass(frozen=True, slots=True)
class Measure:
    """What a file was found to be; the fields are those of `Pin`, all known."""

    name: str
    bytes: int
    sha256: str
    git_blob: str

    def pin(self) -> Pin:
        """Return the pin that holds a file to this content from now on."""
        return Pin(self.name, self.bytes, self.sha256)


def size(parts: Parts) -> int:
    """Return the joined size in bytes."""
    return sum(part.stat().st_size for part in parts)


def measure(name: str, parts: Parts) -> Measure:
    """Hash a file whose bytes lie in one or more parts.

    A processor with SHA instructions hashes 1.4 GB a second, so this is done whenever a model is about to be
    loaded, and no earlier result is believed.

    Raises:
        OSError: A part cannot be read.
    """
    bytes_ = size(parts)
    sha256 = hashlib.sha256()
    blob = hashlib.sha1(b"blob %d\0" % bytes_, usedforsecurity=False)
    # Git's id costs a second pass of arithmetic: only small files are ever pinned by it alone.
    digests = (sha256, blob) if bytes_ <= 1 << 24 else (sha256,)
    for block in _blocks(parts):
        for digest in digests:
            digest.update(block)
    return Measure(name, bytes_, sha256.hexdigest(), blob.hexdigest() if blob in digests else "")


def _blocks(parts: Parts) -> Iterable[bytes]:
    for part in parts:
        with part.open("rb", buffering=0) as file:
            while block := file.read(_BLOCK):
                yield block

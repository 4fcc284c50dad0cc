"""Where sound comes from: the protocol every source keeps, and the sources that need no device.

A source is pulled: the engine thread asks for what arrived. A live source fills a ring from its audio thread and
heals itself (it reopens what was lost and reports the interruption); a file is read as it is asked for.
`ArraySource` and `FileSource` are what the file command and the tests use.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from engine.records import SourceItem


@runtime_checkable
class AudioSource(Protocol):
    """Sound that can be pulled.

    Attributes:
        name: For the state line and the journal: a device or a file.
        live: It goes on whether or not it is read, so what is not read in time is late.
    """

    name: str
    live: bool

    def open(self) -> None:
        """Start delivering.

        Raises:
            CaptureError: There is no such device or file, or it cannot be read.
        """
        ...

    def read(self, timeout_s: float) -> Sequence[SourceItem]:
        """Return everything that arrived since the last call, in order.

        Waits until something is there, at most `timeout_s`; then returns an empty sequence.

        Raises:
            CaptureError: It broke and cannot heal itself.
        """
        ...

    @property
    def exhausted(self) -> bool:
        """Whether all was read and nothing will come."""
        ...

    def close(self) -> None:
        """Stop delivering and free the device; closing twice is harmless."""
        ...

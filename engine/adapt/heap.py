"""What a step lets go of goes back to the system: glibc would keep it, in a heap that grows from step to step.

glibc takes a large block from the system itself until one such block is freed; then it takes blocks of that length, up
to 32 MB, from its heap (`mallopt(3)`, M_MMAP_THRESHOLD). A heap shrinks only from its end, and a step's tensors, of
whatever lengths its texts and sounds have, leave it full of holes: two processes with Whisper base, seven steps, took
1.7 GB each at rest, and 1.1 GB with the threshold fixed.
"""

import ctypes
import sys
from contextlib import suppress

LARGE = 1 << 20  # bytes
_M_MMAP_THRESHOLD = -3  # malloc.h


def give_back_large_blocks() -> None:
    """Let blocks of a MiB and more be the system's own, as long as this process lives; without glibc nothing."""
    if sys.platform == "linux":
        with suppress(AttributeError):  # musl has no such function, and no such heap
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE)

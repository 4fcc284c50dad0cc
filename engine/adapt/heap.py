"""What a step lets go of goes back to the system: glibc would keep it, in a heap that grows from step to step.

glibc takes blocks of up to 32 MB from its heap (`mallopt(3)`, M_MMAP_THRESHOLD), and a heap shrinks by itself only from
its end: a step's tensors, of whatever lengths its texts and sounds have, leave it full of holes. Two processes with
Whisper base, at rest after eight steps: 1.7 GB each; so 1.0 GB, and no longer. To fix the threshold instead saves as
much, and makes a step a tenth longer, of tiny a fifth: every block is zeroed anew.
"""

import ctypes
import sys
from contextlib import suppress


def give_back() -> None:
    """Give the pages in the heap's holes back to the system; without glibc nothing."""
    if sys.platform == "linux":
        with suppress(AttributeError):  # musl has no such function, and no such heap
            ctypes.CDLL(None).malloc_trim(0)

"""The captioning engine: sound in, captions and transcripts out.

It knows no window and no device: `engine` imports neither Qt nor `desktop`, and importing it loads no torch.
"""

import os

# The products of an update are small. OpenBLAS would share them with threads that then spin, waiting for the next: on
# two cores that doubled the CPU time of live captions. It must be said before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

"""The captioning engine: sound in, captions and transcripts out.

It knows no window and no device: `engine` imports neither Qt nor `desktop`, and importing it loads no torch.
"""

import os

# The products of an update are small. OpenBLAS would share them with threads that then spin, waiting for the next: on
# two cores that doubled the CPU time of live captions. It must be said before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Since 1.29 onnxruntime numbers the machine and tells Microsoft of every model that it loads and how fast it runs. The
# one way to have none of it is to say so before it is imported; nobody's environment may turn it on again.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

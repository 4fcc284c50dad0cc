"""Every published Whisper at its full depth, with random weights, against Hugging Face's implementation.

    .venv/bin/python -m tests.benchmarks.depth [NAME ...]

The tests cut the layers to take seconds; this takes minutes, and 10 GB of memory for large. Float32, ‖Δ‖/‖reference‖ of
the encoder states, of the logits (a prompt read at once, then step by step, two windows of two rows) and of the
attention of the alignment heads.
"""

import sys

import torch

from tests.engine.whisper.cuda.comparison import compared_at_random
from tests.engine.whisper.cuda.published import SHAPES


def main() -> None:
    """Print a line for each model."""
    for name in sys.argv[1:] or SHAPES:
        found = compared_at_random(SHAPES[name], torch.float32, layers=99)
        print(f"{name:24}", *(f"{what} {value:.1e}" for what, value in found.items()), flush=True)


if __name__ == "__main__":
    main()

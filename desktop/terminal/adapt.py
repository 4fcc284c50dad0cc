"""`undertext adapt MODEL --out DIR`: a Whisper made fit for live captions, on this machine and without transcripts.

Nothing of what learns is imported before it is asked for: torch takes seconds, and need not be here.
"""

import argparse
import math
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from engine.errors import AdaptationError
from engine.installing import mend
from engine.settings import AUTO, DEVICES

NAME = "adapt"
HELP = "make a Whisper model fit for live captions: it learns to hear short windows from its own words"
MINUTES = 60.0
PRECISIONS = ("float32", "bfloat16", "float16")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", metavar="MODEL", help="a model that is here: its name, or its folder")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the folder to write; --model DIR uses it"
    )
    parser.add_argument(
        "--audio",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="folders of recordings to learn from as well; they need no transcripts, and stay on this machine",
    )
    parser.add_argument(
        "--corrections",
        action="store_true",
        help="learn from what you corrected in your transcripts as well, where their sound was kept; with --lora, "
        "of rank 8 unless it is given",
    )
    parser.add_argument(
        "--from", dest="transcripts", type=Path, metavar="DIR", help="where 'caption --save' kept these transcripts"
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes", type=_positive, default=MINUTES, metavar="N", help=f"how long to learn (default: {MINUTES:g})"
    )
    length.add_argument("--steps", type=_count, metavar="N", help="how many steps to learn instead")
    parser.add_argument(
        "--keep-going",
        type=Path,
        metavar="DIR",
        help="keep the state there, and go on from it (default: a folder that the same command finds again)",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="other numbers make other items (default: 1)")
    parser.add_argument(
        "--device",
        default=AUTO,
        choices=DEVICES,
        help="the graphics card if it can (auto, the default), or the processor",
    )
    parser.add_argument("--batch", type=_count, default=8, metavar="N", help="items of a step (default: 8)")
    parser.add_argument(
        "--processes", type=_count, default=1, metavar="N", help="share the work, each with a graphics card of its own"
    )
    memory = parser.add_argument_group("where memory is short")
    memory.add_argument("--at-once", type=_count, default=8, metavar="N", help="of these at a time (default: 8)")
    memory.add_argument("--checkpointing", action="store_true", help="compute twice what would have to be held")
    memory.add_argument(
        "--lora", type=_count, default=0, metavar="RANK", help="learn narrow matrices beside the weights"
    )
    memory.add_argument(
        "--precision", default=PRECISIONS[0], choices=PRECISIONS, help="floats to compute in (default: float32)"
    )


def run(options: argparse.Namespace) -> int:
    """Adapt a model; return 0, or 130 if it was broken off.

    Raises:
        EngineError: It cannot be done.
    """
    if missing := [name for name in ("torch", "safetensors") if find_spec(name) is None]:
        raise AdaptationError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed",
            hint=mend("gpu", "gpu"),
        )
    from desktop.terminal.adapting import carry_out  # noqa: PLC0415  # imports torch

    return carry_out(options)


def _positive(text: str) -> float:
    with suppress(ValueError):
        if 0 < (value := float(text)) < math.inf:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")


def _count(text: str) -> int:
    with suppress(ValueError):
        if (value := int(text)) >= 1:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")

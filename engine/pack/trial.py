"""A GPU pack tried by a process of its own, before it is used: a torch that crashes costs nothing but the trial.

argument          the folder of the pack
standard output   what `engine.whisper.cuda.trial` tells, one line of JSON
exit code         0; otherwise the last line of the standard error says why

`main` calls it with `ARGUMENT`: a frozen program has no Python to start it with.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import PackRefused
from engine.pack.installed import bring

ARGUMENT = "--try-gpu-pack"  # with which a frozen program becomes the one that tries
PATIENCE_S = 600.0  # gigabytes are read for the first time, from whatever disk it is
_LOADER = "[PYI-"  # what a frozen program says when it ends with an error, and what Python says of it before


@dataclass(frozen=True, slots=True)
class Trial:
    """What a pack that works told of itself.

    Attributes:
        torch: Its version.
        cuda: What it was built for; empty for the processor alone.
        triton: The version with which kernels are compiled; empty where torch's own are used.
        problem: Why no GPU is used on this machine, one sentence; empty where one is.
    """

    torch: str
    cuda: str
    triton: str
    problem: str


def tried(folder: Path, program: Sequence[str] = (sys.executable, ARGUMENT), patience_s: float = PATIENCE_S) -> Trial:
    """Return what a pack told of itself.

    Args:
        folder: Of the pack; it need not be in its place yet.
        program: That tries it, but for the last argument: the frozen program itself.
        patience_s: How long it may take.

    Raises:
        PackRefused: It failed; the reason is in it.
    """
    try:
        ended = subprocess.run(
            [*program, str(folder)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=patience_s,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(f"it did not end in {patience_s:.0f} s") from error
    except OSError as error:
        raise _failed(f"it did not start: {error.strerror or error}") from error
    if ended.returncode:
        said = [line.strip() for line in ended.stderr.splitlines() if line.strip() and not line.startswith(_LOADER)]
        raise _failed(said[-1].rstrip(".") if said else f"it ended with {ended.returncode}")
    try:
        return Trial(**json.loads(ended.stdout.splitlines()[-1]))
    except (ValueError, TypeError, LookupError) as error:
        raise _failed("it told nothing") from error


def main(folder: str) -> int:
    """Be the process that tries; return 0. Whatever goes wrong is raised, and ends it."""
    bring(Path(folder))
    from engine.whisper.cuda.trial import told  # noqa: PLC0415  # imports torch

    sys.stdout.write(json.dumps(told()) + "\n")
    return 0


def _failed(reason: str) -> PackRefused:
    return PackRefused(
        f"the self-test of the GPU pack failed: {reason}",
        hint="Captions are computed on the processor; get another GPU pack, or report it.",
    )

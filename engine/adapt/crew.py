"""The other processes of an adaptation: started by the first, told what it was told, and doing as it does.

python -m engine.adapt.crew RANK COUNT MEETING < what is wanted
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from engine.adapt.adaptation import Adaptation
from engine.adapt.forecast import Plan
from engine.adapt.order import Order
from engine.adapt.run import Goal, Progress, Watch
from engine.adapt.shards import together
from engine.adapt.training import Mixed
from engine.errors import AdaptationError
from engine.models.store import Store

_PATIENCE_S = 60.0  # for the others' end, when the first is done


def train_together(adaptation: Adaptation, watch: Watch) -> Progress | None:
    """Take the steps that are left with as many processes as are wanted; return how far they came.

    Args:
        adaptation: In the first process.
        watch: Looks on, and decides for all.

    Raises:
        AdaptationError: As `Adaptation.train`; or another process has ended.
    """
    count = adaptation.order.plan.processes
    if count == 1:
        return adaptation.train(watch)
    adaptation.work.mkdir(parents=True, exist_ok=True)
    meeting = adaptation.work / f"meeting-{os.getpid()}"
    meeting.unlink(missing_ok=True)
    threads = torch.get_num_threads()
    try:
        # Each has its part of the processor: threads of two processes that wait for each other's turn wait for long.
        torch.set_num_threads(max(1, threads // count))
        with _others(adaptation, meeting), together(0, count, meeting, adaptation.device) as shards:
            return adaptation.train(watch, shards)
    except RuntimeError as error:  # torch's word for a process that does not answer
        raise AdaptationError(
            f"one of {count} processes ended: {str(error).splitlines()[0]}",
            hint=f"What they said is in {adaptation.work}; the same command goes on from the last state.",
        ) from error
    finally:
        torch.set_num_threads(threads)
        meeting.unlink(missing_ok=True)


@contextmanager
def _others(adaptation: Adaptation, meeting: Path) -> Iterator[None]:
    """Run the other processes while the block does."""
    order = adaptation.order
    # Each finds the same model by its folder, and the same state.
    told = replace(order, model=str(adaptation.original.folder.absolute()), work=adaptation.work)
    text = json.dumps(asdict(told), default=lambda path: str(path.absolute()))
    root = str(Path(__file__).parents[2])
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
    }
    with ExitStack() as stack:
        others = []
        for rank in range(1, order.plan.processes):
            words = [str(rank), str(order.plan.processes), str(meeting.absolute())]
            log = stack.enter_context((adaptation.work / f"process-{rank}.log").open("wb"))
            other = subprocess.Popen(
                [sys.executable, "-m", "engine.adapt.crew", *words],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=env,
                start_new_session=True,  # Ctrl-C is for the first, which decides when all of them end
            )
            stack.callback(_end, other)
            others.append(other)
        for other in others:
            if other.stdin is not None:
                other.stdin.write(text.encode())
                other.stdin.close()
        yield
        for other in others:
            other.wait(_PATIENCE_S)


def _end(other: "subprocess.Popen[bytes]") -> None:
    if other.poll() is None:
        other.kill()
    other.wait()


def main(rank: int, count: int, meeting: Path, told: dict[str, Any]) -> None:
    """Follow the first process to its end.

    Args:
        rank: Of this one, from 1 on.
        count: How many there are.
        meeting: See `shards.together`.
        told: The order, as JSON has it.
    """
    order = Order(
        **{
            **told,
            **{name: Path(told[name]) for name in ("out", "home", "work", "root")},
            "audio": tuple(map(Path, told["audio"])),
            "corrections": Path(told["corrections"]) if told["corrections"] else None,
            "goal": Goal(**told["goal"]),
            "plan": Plan(**told["plan"]),
            "mixed": Mixed(told["mixed"]),
        }
    )
    adaptation = Adaptation(order, Store(order.home / "models"))
    device = torch.device("cuda", rank) if adaptation.device.type == "cuda" else adaptation.device
    adaptation.device = device
    with together(rank, count, meeting, device) as shards:
        adaptation.train(Watch(), shards)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), json.load(sys.stdin))

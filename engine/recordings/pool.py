"""The process between Undertext and Ray: recordings in, answers out, a line of JSON each.

    order (a line) ─▶ Ray Data: one row a recording ─▶ a pool of actors, a `Worker` in each ─▶ answers, as they come

Ray is a guest with manners of its own: it prints, handles signals, starts threads, and ends the process when the head
of the cluster is lost. So it has a process to itself, and what it says there goes nowhere. Scheduling, retries and
streaming are Ray's. A worker that dies takes one recording with it (a block holds one, an actor has one at a time),
which is tried once more.
"""

import contextlib
import importlib
import json
import math
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread
from typing import Any, TextIO
from urllib.parse import urlsplit

import ray
import ray.data
from ray.exceptions import AuthenticationError, RayError

from engine.errors import ClusterUnavailable, EngineError
from engine.recordings.worker import told

CLIENT = "ray://"
RETRIES = 1  # of a recording whose worker died: it may have been the machine, and the second time it was the recording
STORE_BYTES = 80 << 20  # Ray takes no less than 75 MiB; what lies there are paths and words
THREADS = 4  # of a worker, where nobody chose: it holds a model of its own in memory
REACHED_S = 10.0

Order = Mapping[str, Any]


def main() -> None:
    """Do what the first line of the standard input asks for, and end when that input does."""
    answers = _own_output()
    order = json.loads(sys.stdin.readline())
    Thread(target=_end_with_input, daemon=True).start()
    try:
        with _connected(order):
            for answer in _answers(order):
                print(answer, file=answers, flush=True)
        print(json.dumps({"end": True}), file=answers, flush=True)
    except EngineError as error:
        print(json.dumps({"unable": told(error)}), file=answers, flush=True)
    finally:
        shutil.rmtree(order["folder"], ignore_errors=True)  # whoever made it may have been killed
        _end_group()


class Actor:
    """A worker as Ray Data calls it: a row in, a row out.

    Args:
        name: `module:class` of what `Worker` is.
        work: What it is told.
    """

    def __init__(self, name: str, work: Order) -> None:
        module, _, kind = name.partition(":")
        self._worker = getattr(importlib.import_module(module), kind)(work)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        """Answer for one recording."""
        number, path = json.loads(batch["job"][0])
        return {"answer": [json.dumps({"file": number, **self._worker.answer(path)})]}


class Outpost:
    """Runs the pool from inside the cluster: Ray Data cannot through Ray's client.

    Args:
        order: As it came.
        size: Workers.
    """

    def __init__(self, order: Order, size: int) -> None:
        self._rows = _rows(order, size)

    def next(self) -> str | None:
        """Wait for the next answer; None after the last."""
        return next(self._rows, None)


def _own_output() -> TextIO:
    """Return what was the standard output, and leave another to Ray."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii")
    with Path(os.devnull).open("w", encoding="ascii") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return own


def _end_with_input() -> None:
    """End as soon as nobody waits for answers any more."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)  # Ray ends what it has started then


def _end_group() -> None:
    """Leave nothing of a Ray of our own behind: its agents would look for it for some seconds more."""
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)


@contextlib.contextmanager
def _connected(order: Order) -> Iterator[None]:
    """Be part of the cluster.

    Raises:
        ClusterUnavailable: There is none, it takes no order from us, or it cannot have our workers.
    """
    address = order["address"]
    alone = {"include_dashboard": False, "object_store_memory": STORE_BYTES, "_temp_dir": order["folder"]}
    if ":" in address:
        _reach(address)
    try:
        ray.init(address, log_to_driver=False, configure_logging=False, **alone if address == "local" else {})
    except (RayError, OSError, RuntimeError, ValueError) as error:
        raise _unavailable(address, error) from error
    try:
        yield
    except RayError as error:
        raise ClusterUnavailable(
            f"the Ray cluster {address!r} cannot run our workers ({type(error).__name__})",
            hint="Install the same Undertext, Ray and Python on every machine; Ray's logs tell more.",
        ) from error
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Look whether anybody listens there: Ray itself would wait for more than a minute."""
    place = urlsplit(address if address.startswith(CLIENT) else f"//{address}")
    try:
        socket.create_connection((place.hostname, place.port), REACHED_S).close()
    except (OSError, ValueError) as error:
        raise _unavailable(address, error) from error


def _unavailable(address: str, error: BaseException) -> ClusterUnavailable:
    """Return what to tell of Ray's trouble."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    said = " ".join(map(str, causes))
    if any(isinstance(cause, AuthenticationError) for cause in causes) or "token" in said.lower():
        what, hint = "wants a token", "Set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN to that of the cluster."
    elif "Version mismatch" in said:
        what = "runs another version of Ray or Python than this machine"
        hint = "Install the same of both on every machine."
    else:
        what = f"does not answer ({type(causes[0]).__name__})"
        hint = (
            "Start one with 'ray start --head', name host:port (from a machine outside it ray://host:10001), "
            "and set RAY_AUTH_TOKEN if it wants one."
        )
    return ClusterUnavailable(f"the Ray cluster {address!r} {what}", hint=hint)


def _answers(order: Order) -> Iterator[str]:
    """Yield an answer, as JSON, for each recording that a worker lived to answer for, in any order."""
    order, size = _measured(order)
    if not order["address"].startswith(CLIENT):
        yield from _rows(order, size)
        return
    outpost = ray.remote(num_cpus=0)(Outpost).remote(order, size)
    while (answer := ray.get(outpost.next.remote())) is not None:
        yield answer


def _measured(order: Order) -> tuple[Order, int]:
    """Return the order with the threads of a worker decided, and how many workers the cluster has room for."""
    work, gpus = order["work"], _gpus(order)
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    processors = [int(node["CPU"]) for node in nodes if node.get("CPU", 0) >= 1]
    threads = work["settings"]["threads"] or min([THREADS, *processors])
    room = (min(node.get("CPU", 0) // threads, node.get("GPU", 0) if gpus else math.inf) for node in nodes)
    size = int(sum(room))
    if not size:
        what = f"{threads} processors and a GPU" if gpus else f"{threads} processors"
        raise ClusterUnavailable(
            f"no machine of the Ray cluster {order['address']!r} has {what}",
            hint="Choose --device cpu or fewer --threads, or wait until its machines have joined.",
        )
    settings = {**work["settings"], "threads": threads}
    return {**order, "work": {**work, "settings": settings}}, min(size, len(order["files"]))


def _gpus(order: Order) -> int:
    return int(order["work"]["settings"]["device"] == "cuda")


def _rows(order: Order, size: int) -> Iterator[str]:
    """Yield the answers of a pool of so many workers; what is lost with its worker has none."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # each holds one recording, and the others go on
    jobs = [{"job": json.dumps([number, path])} for number, path in enumerate(order["files"])]  # a path may be no UTF-8
    rows = ray.data.from_items(jobs, override_num_blocks=len(jobs)).map_batches(
        Actor,
        fn_constructor_args=(order["worker"], order["work"]),
        batch_size=1,
        num_cpus=order["work"]["settings"]["threads"],
        num_gpus=_gpus(order),
        compute=ray.data.ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=1),
        # Ray Data would begin a killed row again for ever. From 2.64 on it takes this no more, so the extra ends there.
        max_restarts=-1,
        max_task_retries=RETRIES,
    )
    for row in rows.iter_rows():
        yield row["answer"]


if __name__ == "__main__":
    from engine.recordings.pool import main as run  # workers look for `Actor` there, and not in `__main__`

    run()

"""Recordings transcribed by a cluster: a transcriber whose workers Ray starts, wherever they are.

Nothing of Ray is imported here. It lives in a process of its own (`engine.recordings.pool`), which is told what to do
in a line of JSON and answers in lines. The recordings do not travel: each worker reads them from the same path. They
are large, the machines of a cluster share a file system as a rule, and a pool that held them in memory would grow.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, cast

import engine
from engine.errors import ClusterUnavailable, SettingsError, WorkerLost
from engine.installing import mend
from engine.recordings.ledger import unpacked
from engine.recordings.transcriber import Advanced, Failed, Finished, Job, Report
from engine.recordings.worker import Work, retold

LOCAL = "local"
AUTO = "auto"
POOL = "engine.recordings.pool"
WORKER = "engine.recordings.worker:Worker"
PATIENCE_S = 20.0  # Ray ends what it has started

# Nothing is reported to Ray's makers, and its native half does not write to the terminal.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
# The names are Ray's. With the first at 0, its default on Windows and macOS, a Ray is not reached from other machines.
ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token", "RAY_worker_niceness": "0"}
# It listens, for we have looked: what it says twice it would say twenty times.
THERE = {"RAY_NUM_REDIS_GET_RETRIES": "2"}


class Cluster:
    """Transcribes recordings as `Transcriber` does, on the workers of a Ray cluster.

    What a worker hears comes when a recording is done, and not before.

    Args:
        address: "local" for a Ray of its own on this machine, "auto" for the one that runs here, host:port or
            ray://host:port.
        work: What the workers are told.
        worker: `module:class` of what `Worker` is, for every machine the same.

    Raises:
        SettingsError: It is no address, or Ray is not installed.
    """

    def __init__(self, address: str, work: Work, worker: str = WORKER) -> None:
        if address not in {LOCAL, AUTO} and not address.rpartition(":")[2].isdigit():
            raise SettingsError(
                f"{address!r} is no address of a Ray cluster", hint="Choose local, auto, host:port or ray://host:port."
            )
        if find_spec("ray") is None:
            raise SettingsError("Ray is not installed", hint=mend("cluster", "cluster"))
        self._address = address
        self._work = work
        self._worker = worker

    def transcribe(self, jobs: Iterable[Job]) -> Iterator[Report]:
        """Yield what becomes of each recording, in the order in which they are done.

        Raises:
            ClusterUnavailable: There is no such cluster, or it went away.
            EngineError: A worker can hear nothing at all.
        """
        waiting = dict(enumerate(jobs))
        for answer in self._answers([job.path for job in waiting.values()]):
            if "unable" in answer:
                raise retold(answer["unable"])
            job = waiting.pop(answer["file"])
            if "error" in answer:
                yield Failed(job, retold(answer["error"]))
                continue
            yield Advanced(job, answer["length"], answer["length"])
            yield Finished(job, tuple(map(unpacked, answer["takes"])), answer["length"])
        for job in waiting.values():
            lost = f"{job.path} was lost: the worker that heard it ended, and so did the next"
            yield Failed(job, WorkerLost(lost, hint="Transcribe it without --cluster to see what is wrong with it."))

    def _answers(self, paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
        """Yield what the pool says."""
        order = {"address": self._address, "worker": self._worker, "work": self._work.said()}
        order["files"] = [str(path.absolute()) for path in paths]
        home, further = str(Path(engine.__file__).parents[1]), os.environ.get("PYTHONPATH")
        environment = {**os.environ, **QUIET, "PYTHONPATH": os.pathsep.join(filter(None, (home, further)))}
        environment |= {**ALONE, "RAY_AUTH_TOKEN": secrets.token_hex(32)} if self._address == LOCAL else THERE
        with _folder() as folder, _pool(environment) as (orders, answers):
            orders.write(json.dumps({**order, "folder": folder}) + "\n")
            orders.flush()
            for line in answers:
                answer = json.loads(line)
                if "end" in answer:
                    return
                yield answer
        raise ClusterUnavailable(
            f"the Ray cluster {self._address!r} went away",
            hint="What is done stays; the same command goes on with the rest.",
        )


@contextmanager
def _pool(environment: Mapping[str, str]) -> Iterator[tuple[IO[str], IO[str]]]:
    """Run the process between us and Ray; yield what it reads, and what it says."""
    with subprocess.Popen(
        [sys.executable, "-P", "-m", POOL],  # nothing of the folder that we happen to be in
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        encoding="ascii",
        start_new_session=True,  # Ctrl-C is ours
    ) as pool:
        orders, answers = cast("IO[str]", pool.stdin), cast("IO[str]", pool.stdout)
        try:
            yield orders, answers
        finally:
            try:
                orders.close()  # by which it knows that it is to end
                pool.wait(PATIENCE_S)
            except (OSError, subprocess.TimeoutExpired):
                pool.kill()


@contextmanager
def _folder() -> Iterator[str]:
    """Yield a folder for what Ray keeps while it runs: a short path, for the sake of its sockets."""
    place = "/tmp" if os.name == "posix" else None  # noqa: S108  # macOS has a long one
    with tempfile.TemporaryDirectory(prefix="undertext-", dir=place, ignore_cleanup_errors=True) as folder:
        yield folder

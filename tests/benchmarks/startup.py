"""How long a frozen program takes from its start to hearing: cold, as after the computer was started, and warm.

    python -m tests.benchmarks.startup dist/undertext/undertext --rounds 5

It captions the built-in clip with the model that came along, in a new home, which is the most it ever has to do. Cold
is after the system has forgotten every file (`drop_caches`, which takes root on Linux); else that row is left out.
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

FORGET = Path("/proc/sys/vm/drop_caches")
HEARS = b'"listening"'
PATIENCE_S = 60.0
EVERY_S = 0.005


def started_s(program: Path) -> float:
    """Return the seconds from the start of a process until its event log says that it listens."""
    with tempfile.TemporaryDirectory() as home:
        log = Path(home, "events.jsonl")
        command = [program, "caption", "demo", "--events", log]
        environment = {"HOME": home, "PATH": os.defpath, "LANG": "C.UTF-8"}
        began_s = time.monotonic()
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                while not (log.is_file() and HEARS in log.read_bytes()):
                    if process.poll() is not None or time.monotonic() - began_s > PATIENCE_S:
                        raise SystemExit(f"{program} never listened")
                    time.sleep(EVERY_S)
                return time.monotonic() - began_s
            finally:
                process.kill()


def forget() -> bool:
    """Let the system forget every file it has read; return whether it can be told to."""
    os.sync()
    try:
        FORGET.write_text("3")
    except OSError:
        return False
    return True


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path, help="the frozen program")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    program = options.program.resolve()
    print("| start | median | least | most |\n|---|---|---|---|", flush=True)
    if forget():
        _tell("cold", [started_s(program) for _ in range(options.rounds) if forget()])
    started_s(program)
    _tell("warm", [started_s(program) for _ in range(options.rounds)])


def _tell(name: str, took_s: list[float]) -> None:
    print(f"| {name} | {median(took_s):.2f} s | {min(took_s):.2f} s | {max(took_s):.2f} s |", flush=True)


if __name__ == "__main__":
    main()

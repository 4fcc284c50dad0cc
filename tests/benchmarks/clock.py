"""Recordings fed to an engine as a microphone would: on a clock that skips the waiting, or at real pace.

The virtual clock is the real one without the waits: it runs while the engine computes and jumps while the engine would
sleep. An engine that is late therefore finds several blocks waiting, as in `engine/run.py`, and an hour takes as long
as its computing. Both ways leave an event log; between its events stand lines of what was spent:

    {"type": "cost", "at_s": …, "audio_s": …, "wall_s": 0.081, "cpu_s": 0.079, "memory_mb": 412.0}
"""

import json
import os
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TextIO

import numpy as np
import psutil

from engine.audio.sources import ArraySource, Pacer
from engine.eventlog import EventLog
from engine.records import AudioBlock, Heard, State, StateChange
from engine.session import POLL_S
from engine.units import SAMPLE_RATE, seconds


class Captioner(Protocol):
    """What can be measured: a `Pipeline`, or a baseline that looks like one.

    Attributes:
        heard: Samples at 16 kHz taken in.
    """

    @property
    def heard(self) -> int: ...

    def feed(self, item: AudioBlock, *, hurry: bool = False) -> Sequence[Heard]: ...

    def finish(self) -> Sequence[Heard]: ...


class VirtualClock:
    """Seconds that pass while something is computed, and jump where there is only waiting.

    Args:
        running: `time.perf_counter` counts everything, as a reader would; `time.process_time` counts only this
            process, so that other work on the machine does not matter. The second is right for engines of one thread.
    """

    def __init__(self, running: Callable[[], float] = time.perf_counter) -> None:
        self._running = running
        self._skipped_s = 0.0

    def now(self) -> float:
        """Return the time."""
        return self._running() + self._skipped_s

    def sleep(self, duration_s: float) -> None:
        """Let time pass at once."""
        self._skipped_s += duration_s


class _Costs:
    """Writes what each turn of the engine took."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._process = psutil.Process()
        self._began = clock()
        self.start()

    def start(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def write(self, heard: int) -> None:
        wall_s, cpu_s = time.perf_counter() - self._wall, time.process_time() - self._cpu
        line = {
            "type": "cost",
            "at_s": round(self._clock() - self._began, 4),
            "audio_s": round(seconds(heard), 4),
            "wall_s": round(wall_s, 5),
            "cpu_s": round(cpu_s, 5),
            "memory_mb": round(self._process.memory_info().rss / 1e6, 1),
        }
        print(json.dumps(line), file=self._stream)


def play(engine: Captioner, samples: np.ndarray, path: Path, clock: VirtualClock) -> None:
    """Feed a recording on the virtual clock, and write the event log.

    Args:
        engine: New.
        samples: float32 [n], 16 kHz.
        path: Of the log.
        clock: Not used before.
    """
    source = ArraySource(samples, SAMPLE_RATE, pacer=Pacer(clock.now, clock.sleep))
    source.open()
    with path.open("w", encoding="utf-8") as stream:
        log, costs = EventLog(stream, clock.now), _Costs(stream, clock.now)
        log.write(StateChange(State.LISTENING), 0.0)
        while not source.exhausted:
            items = [item for item in source.read(POLL_S) if isinstance(item, AudioBlock)]
            if not items:
                continue  # the wait ended a moment before the block
            costs.start()
            for index, item in enumerate(items):
                for event in engine.feed(item, hurry=index < len(items) - 1):
                    log.write(event, seconds(engine.heard))
            costs.write(engine.heard)
        costs.start()
        for event in engine.finish():
            log.write(event, seconds(engine.heard))
        costs.write(engine.heard)


def play_real(model: str, samples: np.ndarray, path: Path, language: str) -> None:
    """Caption a recording with `undertext caption` at real pace, which writes the event log."""
    sound = path.with_suffix(".wav")
    with wave.open(str(sound), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    command = [sys.executable, "main.py", "caption", str(sound), "--pace", "real", "--events", str(path)]
    root = Path(__file__).parents[2]
    subprocess.run(
        [*command, "--model", model, "--language", language],
        cwd=root,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(root)},
    )

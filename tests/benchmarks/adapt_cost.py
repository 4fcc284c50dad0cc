"""What a step of an adaptation takes: peak memory and time, with each thing that saves memory or time on and off.

    python -m tests.benchmarks.adapt_cost tiny base small
    python -m tests.benchmarks.adapt_cost tiny --ways plain,bfloat16 --threads 1

Every row is a process of its own: its peak (`ru_maxrss`) holds Python, torch, the original and the student. Time is
that of the last step of two, in which everything has been there once; CPU is that of all threads. Models have the
published shapes and random weights: what is computed is the same. They are made to recite 28 tokens, whatever they
hear, and then to end. A step has eight items: speech of 3 to 15 s with a second behind it, the longest shown 30 s,
and 5 s in which nobody speaks. Processors without float16 of their own take far longer with it: it is for graphics
cards.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from engine.adapt.lora import narrow
from engine.adapt.network import trainable
from engine.adapt.records import MOST_POSITIONS, Item
from engine.adapt.shards import ALONE, together
from engine.adapt.teacher import Original
from engine.adapt.training import Mixed, Options, Training
from engine.models.catalog import CATALOG
from engine.models.places import places
from engine.units import SAMPLES_PER_POSITION, samples
from engine.whisper.cuda.model.dims import Dims, shapes
from engine.whisper.cuda.model.weights import Checkpoint
from engine.whisper.tokenizer import Tokenizer

CPU = torch.device("cpu")
SHAPES = {"tiny": (384, 4), "base": (512, 6), "small": (768, 12)}  # width, layers of each side
WAYS: dict[str, dict] = {
    "plain": {},
    "at once 1": {"at_once": 1},
    "checkpointing": {"frugal": True},
    "bfloat16": {"mixed": Mixed.BFLOAT16},
    "float16": {"mixed": Mixed.FLOAT16},
    "LoRA 8": {"rank": 8},
    "two processes": {"processes": 2},
    "all of them": {"at_once": 1, "frugal": True, "mixed": Mixed.BFLOAT16, "rank": 8, "processes": 2},
}
SPEECH_S, SILENCE_S, MARGIN_S = (3, 5, 7, 9, 11, 13, 15), 5, 1
RECITED = 28  # tokens: 10 s of read speech
LOUD = 4000.0  # length of a place's encoding: what the layers add to it does not matter
STEPS = 2


def checkpoint(name: str, tokenizer: Tokenizer) -> Checkpoint:
    """Return a model of a published shape that recites."""
    width, layers = SHAPES[name]
    aligned = tuple((layer, 0) for layer in range(layers // 2, layers))
    dims = Dims(80, 51864, width, width // 64, layers, layers, MOST_POSITIONS, 448, aligned)

    def tensor(name: str) -> torch.Tensor:
        if name == "decoder/position_encodings/encodings":
            text = [1000 + index for index in range(RECITED)]
            said = [0, *text] + [tokenizer.end] * (dims.tokens - 1 - RECITED)
            return LOUD * tensor("decoder/embeddings/weight")[said]
        make = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        value = torch.randn(shapes(dims)[name], generator=make)
        return 1 + value / 10 if name.endswith("gamma") else value / max(1, value[0].numel()) ** 0.5

    return Checkpoint(dims, (), tensor)


def items() -> list[Item]:
    """Return what a step learns from."""
    make = np.random.default_rng(0)
    found = []
    for length_s in (*SPEECH_S, SILENCE_S):
        sound = (0.1 * make.standard_normal(samples(length_s))).astype(np.float32)
        shown = samples(length_s + MARGIN_S) // SAMPLES_PER_POSITION
        found.append(Item(sound, sound, shown, sound[:0], spoken=length_s != SILENCE_S or len(found) < len(SPEECH_S)))
    return [*found[:-2], replace(found[-2], positions=MOST_POSITIONS), found[-1]]


def measured(name: str, way: str, threads: int, part: int, meeting: Path) -> dict[str, float]:
    """Take some steps in this process, and return what they took."""
    torch.set_num_threads(threads)
    given = dict(WAYS[way])
    processes, rank = given.pop("processes", 1), given.pop("rank", 0)
    with together(part, processes, meeting, CPU) if processes > 1 else nullcontext(ALONE) as shards:
        folder = next(place.directory for place in places(CATALOG["tiny.en"], ()))
        tokenizer = Tokenizer(folder)
        model = checkpoint(name, tokenizer)
        student = trainable(model, CPU)
        if rank:
            narrow(student, rank)
        original = Original(model, tokenizer, CPU, doubtful=-math.inf, swift=given.get("mixed") is Mixed.BFLOAT16)
        run = Training(student, original, Options(**given), shards)
        for _ in range(STEPS):
            began_s, cpu_s = time.perf_counter(), time.process_time()
            figures = run.step(items())
            took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
            assert not figures.dropped
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"peak_mb": peak / 1e6, "step_s": took_s, "cpu_s": cpu_s}


def row(name: str, way: str, threads: int) -> dict[str, float]:
    """Return what a way takes, in processes of their own: of several, the most that one takes."""
    count = WAYS[way].get("processes", 1)
    program = [sys.executable, "-m", "tests.benchmarks.adapt_cost", name, "--ways", way, "--threads", str(threads)]
    with tempfile.TemporaryDirectory() as folder:
        started = [
            subprocess.Popen([*program, "--part", str(part), "--meeting", f"{folder}/all"], stdout=subprocess.PIPE)
            for part in range(count)
        ]
        found = [json.loads(each.communicate()[0]) for each in started]
    return {key: max(each[key] for each in found) for key in found[0]}


def main() -> None:
    """Print the table, or what one process has measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--ways", default=",".join(WAYS), help="some of: " + ", ".join(WAYS))
    parser.add_argument("--threads", type=int, default=2, help="of each process")
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--meeting", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part is not None:
        print(json.dumps(measured(given.models[0], given.ways, given.threads, given.part, given.meeting)))
        return
    print("| model | way | peak memory of a process | a step of 8 items | CPU |\n|---|---|---|---|---|", flush=True)
    for name in given.models:
        for way in given.ways.split(","):
            found = row(name, way, given.threads)
            memory, step, cpu = found["peak_mb"], found["step_s"], found["cpu_s"]
            print(f"| {name} | {way} | {memory:.0f} MB | {step:.1f} s | {cpu:.1f} s |", flush=True)


if __name__ == "__main__":
    main()

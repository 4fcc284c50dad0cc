"""Whole recordings: `undertext transcribe` beside faster-whisper, same model, same files, same threads, beam 5.

    .venv/bin/python -m tests.benchmarks.offline tiny.en base --audio ../shared/audio
    .venv/bin/python -m tests.benchmarks.offline --random small --audio ../shared/audio --sets joined --minutes 4

Each way runs in a process of its own, from its start to its end, model and files included, on every set:
`clips` (each a file), `long` (talks of a minute or two) and `joined` (one file of them all, again and again). The ways
take turns, round after round; a ratio is that of their medians. While other programs compute, CPU time says more
than wall time. Ours writes files and word times; the others give text, without word times, at temperature 0 (falling
back to sampling would cost them more). Word error rate as in `measures.word_errors`, over all words of a set.

With `--random` only cost is compared: everybody writes the same text in every window (`untrained`), however short it
is, so that clips are left out. Sequential is then not shown its own text, by whose length its places would be moved.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from desktop import paths
from engine.errors import ModelError
from engine.models.store import Store
from tests.benchmarks.measures import word_errors
from tests.benchmarks.recordings import Recording, group, joined
from tests.benchmarks.untrained import RECITED, SHAPES, Shape, write

OURS = "undertext"
PEERS = ("sequential", "sequential, VAD", "batched")
CLIPS = ("native", "ljspeech", "read_pm", "speechocean")
MORE_SHAPES = {"tiny": Shape(4, 384, 6), "base": Shape(6, 512, 8)}
ROOT = Path(__file__).parents[2]
# Starts a command and tells its processor seconds and peak of memory. A process of its own, because one that is started
# counts the memory of who starts it among its own, and whoever has joined an hour of sound has much.
WAIT = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
BATCH = 8  # faster-whisper's own


@dataclass(frozen=True)
class Set:
    """Files and what is said in them."""

    name: str
    files: tuple[Path, ...]
    said: tuple[str, ...]
    duration_s: float


@dataclass
class Run:
    """What one way took for one set."""

    way: str
    wall_s: float
    cpu_s: float
    rss_mb: float
    texts: list[str]


def sets(audio: Path, folder: Path, minutes: float, limit: int, names: Sequence[str]) -> Iterator[Set]:
    """Yield the sets, written as WAV files into a folder."""
    clips = [recording for name in CLIPS for recording in group(audio, name, limit)]
    talks = list(group(audio, "long"))
    made = {"clips": clips, "long": talks}
    if "joined" in names:
        made["joined"] = [joined([*talks, *clips], minutes)]
    for name in names:
        recordings = made[name]
        files = tuple(_written(folder / name, number, one) for number, one in enumerate(recordings))
        length_s = sum(one.duration_s for one in recordings)
        yield Set(name, files, tuple(one.transcript for one in recordings), length_s)


def _written(folder: Path, number: int, recording: Recording) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{number:04}.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((recording.samples * 32767).astype("<i2").tobytes())
    return path


def ours(model: Path, files: Sequence[Path], options: argparse.Namespace) -> Run:
    """Run the command; its texts are those it wrote."""
    with tempfile.TemporaryDirectory() as home:
        out = Path(home) / "out"
        words = ["transcribe", *files, "--output", out, "--model", model, "--threads", options.threads]
        words += ["--language", options.language]
        run = _measured(OURS, [sys.executable, ROOT / "main.py", *words], {"UNDERTEXT_HOME": home})
        run.texts = [(out / f"{path.stem}.txt").read_text(encoding="utf-8") for path in files]
    return run


def peer(way: str, model: Path, files: Sequence[Path], options: argparse.Namespace) -> Run:
    """Run faster-whisper in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        order, answer = Path(folder, "order.json"), Path(folder, "answer.json")
        about = {"way": way, "model": str(model), "files": list(map(str, files)), "threads": options.threads}
        about |= {"language": options.language, "previous": not options.random, "answer": str(answer)}
        order.write_text(json.dumps(about))
        run = _measured(way, [sys.executable, "-m", "tests.benchmarks.offline", "--peer", order], {})
        run.texts = json.loads(answer.read_text())
    return run


def _measured(way: str, command: Sequence[object], environment: dict[str, str]) -> Run:
    began = time.perf_counter()
    env = {key: value for key, value in os.environ.items() if key not in {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}}
    told = subprocess.run(
        [sys.executable, "-S", "-c", WAIT, *map(str, command)],
        cwd=ROOT,
        env=env | environment,
        capture_output=True,
        check=False,
    )
    if told.returncode:
        raise SystemExit(f"{way} ended with {told.returncode}: {told.stderr.decode(errors='replace')[-2000:]}")
    cpu_s, rss_kb = map(float, told.stdout.split())
    return Run(way, time.perf_counter() - began, cpu_s, rss_kb / 1024, [])


def transcribe_as_peer(order: Path) -> None:
    """Do what `peer` asks for: the other side of it."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    asked = json.loads(order.read_text())
    model = WhisperModel(asked["model"], device="cpu", compute_type="int8", cpu_threads=asked["threads"])
    settings = {"language": asked["language"], "beam_size": 5, "temperature": 0}
    texts = []
    for path in asked["files"]:
        if asked["way"] == "batched":
            segments, _ = BatchedInferencePipeline(model).transcribe(path, batch_size=BATCH, **settings)
        else:
            segments, _ = model.transcribe(
                path, vad_filter="VAD" in asked["way"], condition_on_previous_text=asked["previous"], **settings
            )
        texts.append("".join(segment.text for segment in segments))
    Path(asked["answer"]).write_text(json.dumps(texts))


def compare(name: str, model: Path, chosen: Set, options: argparse.Namespace) -> dict[str, object]:
    """Print the rows of one model and set, and return their figures."""
    runs: dict[str, list[Run]] = {way: [] for way in (OURS, *options.peers)}
    for _ in range(options.rounds):
        for way, done in runs.items():
            done.append((ours if way == OURS else partial(peer, way))(model, chosen.files, options))
    mine = _medians(runs[OURS])
    figures = {}
    for way, done in runs.items():
        wall_s, cpu_s, rss_mb = _medians(done)
        errors, words = np.sum([word_errors(*pair) for pair in zip(chosen.said, done[-1].texts, strict=True)], axis=0)
        wer = 100 * errors / words if words and not options.random else float("nan")
        ratio = f"{wall_s / mine[0]:.2f} / {cpu_s / mine[1]:.2f}"
        speeds = f"{chosen.duration_s / wall_s:.1f} | {1000 * cpu_s / chosen.duration_s:.1f}"
        print(
            f"| {name} | {chosen.name} ({len(chosen.files)}, {chosen.duration_s:.0f} s) | {way} | {speeds} | {ratio} "
            f"| {wer:.1f} | {rss_mb:.0f} |",
            flush=True,
        )
        kept = [asdict(run) | {"texts": None} for run in done]
        figures[way] = {"wer": wer, "errors": int(errors), "words": int(words), "runs": kept}
    return {"model": name, "set": chosen.name, "duration_s": chosen.duration_s, "ways": figures}


def _medians(runs: Sequence[Run]) -> tuple[float, float, float]:
    return (
        statistics.median(run.wall_s for run in runs),
        statistics.median(run.cpu_s for run in runs),
        max(run.rss_mb for run in runs),
    )


def models(options: argparse.Namespace, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the models to measure: those of this machine, or made of chance."""
    store = Store(paths.models())
    for name in options.random.split(",") if options.random else ():
        path = folder / name
        write(path, (SHAPES | MORE_SHAPES)[name], store.find("base").path, RECITED)
        yield f"{name} (random)", path
    for name in options.models:
        found = store.find(name)
        # A folder carries its context in a note: both programs then load the very same files.
        yield found.name, _noted(found.path, found.context.name, folder / found.name)


def _noted(model: Path, context: str, folder: Path) -> Path:
    folder.mkdir()
    for file in model.iterdir():
        (folder / file.name).symlink_to(file.resolve())
    (folder / "undertext.json").unlink(missing_ok=True)
    (folder / "undertext.json").write_text(json.dumps({"context": context}))
    return folder


def main() -> None:
    """Compare every model that is named on every set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[])
    parser.add_argument("--audio", type=Path)
    parser.add_argument("--sets", nargs="+", default=["clips", "long", "joined"], choices=("clips", "long", "joined"))
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=PEERS)
    parser.add_argument("--minutes", type=float, default=60, help="length of the joined recording")
    parser.add_argument("--limit", type=int, default=0, help="clips of a group; 0 takes all")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--language", default="en")
    parser.add_argument("--random", default="", help="shapes of random weights: tiny,base,small,medium")
    parser.add_argument("--json", type=Path, help="where the figures go as well")
    parser.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        transcribe_as_peer(options.peer)
        return
    if options.random:
        options.sets = [name for name in options.sets if name != "clips"]
    options.json = options.json and options.json.absolute()
    with tempfile.TemporaryDirectory() as folder:
        measured = []
        chosen = list(sets(options.audio, Path(folder), options.minutes, options.limit, options.sets))
        print(f"{options.rounds} rounds, {options.threads} threads, load {os.getloadavg()[0]:.1f}")
        print("| model | set | way | × real time | CPU ms / s | ours is faster, wall / CPU | WER | peak MB |")
        print("|---|---|---|---|---|---|---|---|", flush=True)
        for name, path in models(options, Path(folder)):
            measured += [compare(name, path, one, options) for one in chosen]
            if options.json:
                options.json.write_text(json.dumps(measured, indent=1))


if __name__ == "__main__":
    try:
        main()
    except ModelError as error:
        raise SystemExit(error.sentence) from None

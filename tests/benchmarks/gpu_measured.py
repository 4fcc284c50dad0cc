"""The part of `tests.benchmarks.gpu` that runs where a GPU is: right first, then how fast, beside others.

    python -m tests.benchmarks.gpu                                   random weights in the published shapes
    python -m tests.benchmarks.gpu --model turbo=FOLDER              real ones, CTranslate2's or Hugging Face's format
    python -m tests.benchmarks.gpu --rehearse                        in miniature on the processor; figures mean nothing

Times are medians of `Repeats`; one round before them warms up and captures. Parts are timed by events on the stream,
everything that ends with text by the clock. A peer gets the same weights and the same number of tokens, and no prompt.
"""

import argparse
import gc
import json
import platform
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

from desktop.known_speech import known_speech
from engine.errors import EngineError, ModelError
from engine.models.store import Store
from engine.settings import EngineSettings
from engine.units import WINDOW_S, samples
from engine.whisper.cuda.checkup import check_numbers
from engine.whisper.cuda.device.gpu import CudaDevice
from engine.whisper.cuda.device.host import HostDevice
from engine.whisper.cuda.device.protocol import Device
from engine.whisper.cuda.kernels.floor import CHIPS, SHAPES, Chip, Shape, Work, encoding, prefill, token_step
from engine.whisper.cuda.kernels.operations import PLAIN, Operations
from engine.whisper.cuda.model.weights import read_checkpoint
from engine.whisper.cuda.recognizer import CudaRecognizer
from engine.whisper.driver import find_driver
from engine.whisper.recognizer import Context
from engine.whisper.selftest import check_hearing
from tests.benchmarks import gpu_ours, random_weights
from tests.benchmarks.gpu_ours import NEW_TOKENS, UPDATE_S, Batch, Live, Repeats, typical, wall_ms
from tests.benchmarks.gpu_peers import PEERS, Peer, Place, loaded, said
from tests.benchmarks.gpu_rows import Cell, Check, Report, Row, table

HISTORY = 60  # tokens
WRITTEN = 90  # tokens of 30 s
FEW = 4  # tokens: a token of a peer is the difference of two texts, divided
DEADLINE_MS = 500.0
MARGIN_S = 1.0  # the encoder is shown behind a window

TOKEN_GOALS_MS = {"tiny": 0.12, "small": 0.30, "turbo": 0.25, "large-v3": 0.9}
SPEED_GOALS = {"turbo": 2500, "large-v3": 800, "base": 6000}
LIVE = "turbo"


@dataclass(frozen=True)
class Plan:
    """How large everything is.

    Attributes:
        shapes: Of the models.
        repeats: Of everything.
        batches: Windows side by side.
        batches_of_peers: Likewise, of the others, which take longer.
        streams: Tried, in order.
        written: Tokens of 30 s.
    """

    shapes: Mapping[str, Shape]
    repeats: Repeats
    batches: tuple[int, ...]
    batches_of_peers: tuple[int, ...]
    streams: tuple[int, ...]
    written: int = WRITTEN


FULL = Plan(SHAPES, Repeats(), (1, 8, 16, 32, 64, 128), (16, 64), (8, 16, 32, 48, 64, 96, 128, 192, 256))
MINIATURE = Plan({LIVE: random_weights.MINIATURE}, Repeats(4, 1, 2, 1), (2,), (2,), (1,), written=6)


class Bench:
    """Fills a report.

    Args:
        plan: What is done.
        device: Where.
        operations: Of the token step.
        context: Of live updates.
        rehearse: On the processor; errors are raised, and not told in a cell.
    """

    def __init__(self, plan: Plan, device: Device, operations: Operations, context: Context, *, rehearse: bool) -> None:
        self.report = Report(rehearse, machine(device))
        self._plan, self._device, self._operations = plan, device, operations
        self._context, self._rehearse = context, rehearse
        self._place = Place(str(device.place), half=device.dtype == torch.float16)
        self._chip = next((chip for name, chip in CHIPS.items() if name in device.name), CHIPS["H200"])
        self.report.machine["floor"] = f"of {self._chip.name}"

    def check(self, name: str, folder: Path) -> None:
        """Compare the first layers of a model with the processor's, by our kernels and by torch's."""
        for operations, way in {self._operations: "our operations", PLAIN: "torch's"}.items():
            try:
                errors = check_numbers(read_checkpoint(folder), self._device, operations=operations)
                worst = max(errors, key=errors.__getitem__)
                self._tell(f"{name}, {way}", f"{worst} differs most, by {errors[worst]:.2%}", right=True)
            except EngineError as error:
                self._tell(f"{name}, {way}", error.sentence, right=False)

    def check_speech(self, folder: Path) -> None:
        """Let a real model hear known speech."""
        clip = known_speech()
        try:
            recognizer = CudaRecognizer(
                folder, Context.FILLED, EngineSettings(), self._device, operations=self._operations
            )
            check_hearing(recognizer, clip)
            self._tell("known speech", f"understood: {clip.text}", right=True)
        except EngineError as error:
            self._tell("known speech", error.sentence, right=False)

    def parts(self, name: str, folder: Path, peers: dict[str, Peer | str]) -> None:
        """Time a token and the encoder."""
        shape, repeats = self._plan.shapes[name], self._plan.repeats
        goal = TOKEN_GOALS_MS.get(name)
        rows = [(1, f"≤ {goal}" if goal else ""), (5, "")]
        for beams, told in rows:
            row = self._row(
                f"a token, {beams} beams" if beams > 1 else "a token",
                name,
                "ms",
                told,
                token_step(shape, rows=beams, tokens=HISTORY),
            )
            row.ours = self._cell(lambda beams=beams: self._token_ms(folder, beams))
            if beams == 1:
                row.peers = self._of_peers(peers, lambda peer: _peer_token_ms(peer, shape.mels, repeats))
        row = self._row("the encoder, 30 s", name, "ms", "≤ 5" if name == LIVE else "", encoding(shape))
        row.ours = self._cell(lambda: self._encoder_ms(folder))
        row.note = "ours with log-mel and what the decoder remembers"
        row.peers = self._of_peers(peers, lambda peer: _peer_encoder_ms(peer, shape.mels, repeats))

    def whole(self, name: str, folder: Path, peers: dict[str, Peer | str], *, random: bool) -> None:
        """Time whole recordings, by the best batch."""
        if random:
            gpu_ours.end_recordings(folder, self._plan.written)
        shape, goal, most = self._plan.shapes[name], SPEED_GOALS.get(name), max(self._plan.batches)
        row = self._row("whole recordings", name, "s of sound a second", f"≥ {goal:,}" if goal else "")
        least_ms = batch_floor_ms(shape, most, self._plan.written, self._chip)
        row.floor = most * WINDOW_S * 1000 / least_ms
        found: dict[int, Cell] = {n: self._cell(lambda n=n: self._speed(folder, n)) for n in self._plan.batches}
        row.ours, row.note = _best(found)
        row.note += "; greedy, with the times of words, which the others leave out; its floor: encoder beside decoder"
        row.peers = self._of_peers(peers, lambda peer: self._peer_speed(peer, shape.mels))

    def live(self, name: str, folder: Path, peers: dict[str, Peer | str], *, random: bool) -> None:
        """Time live updates, and how many streams one GPU serves."""
        shape, plan = self._plan.shapes[name], self._plan
        positions = int((UPDATE_S + MARGIN_S) * 50)
        floor = encoding(shape, positions=positions).floor_ms(self._chip)
        floor += prefill(shape, HISTORY).floor_ms(self._chip)
        floor += (NEW_TOKENS - 1) * token_step(shape, tokens=HISTORY).floor_ms(self._chip)
        rows = [
            self._row(f"a live update, {UPDATE_S:.0f} s, {kind}", name, "ms", goal)
            for kind, goal in (("p50", "≤ 12, 1/5 of the others"), ("p95", ""))
        ]
        for row in rows:
            row.floor = floor
        streams = self._row("streams, one after another", name, f"within {DEADLINE_MS:.0f} ms", "≥ 64")
        try:
            live = Live(folder, self._context, self._device, self._operations, random=random)
            took = live.measure(plan.repeats.updates)
            rows[0].ours, rows[1].ours = (float(np.percentile(took.ms, share)) for share in (50, 95))
            rows[0].note = f"{took.tokens:.3g} tokens, the host waits {took.reads:.3g} times; prompt, word times"
            rounds = iter(range(1_000_000))
            streams.ours = gpu_ours.most_streams(
                lambda count: live.round_ms(count, next(rounds)), [*plan.streams], DEADLINE_MS, plan.repeats.batches
            )
            streams.note = "every update as above, and all of its sound is new"
        except Exception as error:  # noqa: BLE001  # it is told in the cells, and the rest goes on
            self._failed(error, *rows, streams)
        rows[0].peers = self._of_peers(peers, lambda peer: self._peer_update_ms(peer, rows[0].ours))
        beside = self._row("streams, side by side", name, f"within {DEADLINE_MS:.0f} ms", "≥ 64")
        beside.ours = self._cell(lambda: self._streams_beside(folder, positions))
        beside.note = "in one batch, text alone"

    def ready(self, name: str, folder: Path) -> None:
        """Time a start."""
        row = self._row("ready after start", name, "s", "≤ 4" if name == LIVE else "")
        row.ours = self._cell(lambda: gpu_ours.ready_s(folder, self._context, rehearse=self._rehearse))
        row.note = "weights in the page cache; imports, self-test and all captures in it"

    def _token_ms(self, folder: Path, beams: int) -> float:
        batch = Batch(folder, self._device, self._operations, told=HISTORY, beams=beams)
        return gpu_ours.token_ms(batch, self._device, self._plan.repeats)

    def _encoder_ms(self, folder: Path) -> float:
        batch = Batch(folder, self._device, self._operations)
        return typical(lambda: gpu_ours.device_ms(self._device, batch.encode), self._plan.repeats.parts)

    def _speed(self, folder: Path, windows: int) -> float:
        rounds = self._plan.repeats.batches
        return gpu_ours.seconds_per_second(folder, self._device, self._operations, windows, rounds)

    def _streams_beside(self, folder: Path, positions: int) -> float:
        def round_ms(count: int) -> float:
            if count not in made:
                made.clear()
                self._free()
                made[count] = Batch(
                    folder, self._device, self._operations, windows=count, positions=positions, told=HISTORY
                )
            return wall_ms(lambda: made[count].run(NEW_TOKENS))

        made: dict[int, Batch] = {}
        return gpu_ours.most_streams(round_ms, [*self._plan.streams], DEADLINE_MS, self._plan.repeats.batches)

    def _peer_update_ms(self, peer: Peer, ours: Cell) -> Cell:
        sound = 0.1 * np.random.default_rng(0).standard_normal(samples(UPDATE_S), np.float32)
        took = typical(lambda: wall_ms(lambda: peer.hear(sound, NEW_TOKENS)), min(20, self._plan.repeats.updates))
        return took if isinstance(ours, str) else f"{took:.3g} ({took / ours:.1f} × ours)"

    def _peer_speed(self, peer: Peer, mels: int) -> Cell:
        def speed(windows: int) -> float:
            mel = np.zeros((windows, mels, 3000), np.float32)
            repeats = min(2, self._plan.repeats.batches)
            took_ms = typical(lambda: wall_ms(lambda: peer.write(peer.encode(mel), self._plan.written)), repeats)
            return windows * WINDOW_S * 1000 / took_ms

        best, note = _best({n: self._cell(lambda n=n: speed(n)) for n in self._plan.batches_of_peers})
        return best if isinstance(best, str) else f"{best:.4g}, {note}"

    def _row(self, name: str, model: str, unit: str, goal: str, work: Work | None = None) -> Row:
        row = Row(name, model, unit, goal, work.floor_ms(self._chip) if work else None)
        self.report.rows.append(row)
        return row

    def _tell(self, name: str, found: str, *, right: bool) -> None:
        self.report.checks.append(Check(name, found, right))
        print(f"{'right' if right else 'WRONG'}: {name}: {found}", flush=True)

    def _cell(self, measure: Callable[[], Cell]) -> Cell:
        try:
            return measure()
        except Exception as error:  # it is told in the cell, and the rest goes on
            if self._rehearse:
                raise
            return f"failed: {said(error)}"
        finally:
            self._free()

    def _failed(self, error: Exception, *rows: Row) -> None:
        if self._rehearse:
            raise error
        for row in rows:
            row.ours = f"failed: {said(error)}"

    def _of_peers(self, peers: dict[str, Peer | str], measure: Callable[[Peer], Cell]) -> dict[str, Cell]:
        return {
            name: peer if isinstance(peer, str) else self._cell(lambda peer=peer: measure(peer))
            for name, peer in peers.items()
        }

    def load(self, folder: Path) -> dict[str, Peer | str]:
        """Return the others over the same weights."""
        return {name: loaded(name, folder, self._place) for name in PEERS}

    def _free(self) -> None:
        if self._device.place.type == "cuda":  # what circles still hold
            gc.collect()
        self._device.release()


def _peer_token_ms(peer: Peer, mels: int, repeats: Repeats) -> float:
    states = peer.encode(np.zeros((1, mels, 3000), np.float32))

    def difference() -> float:
        return wall_ms(lambda: peer.write(states, FEW + repeats.steps)) - wall_ms(lambda: peer.write(states, FEW))

    return typical(difference, min(10, repeats.parts)) / repeats.steps


def _peer_encoder_ms(peer: Peer, mels: int, repeats: Repeats) -> float:
    mel = np.zeros((1, mels, 3000), np.float32)
    return typical(lambda: wall_ms(lambda: peer.encode(mel)), min(20, repeats.parts))


def batch_floor_ms(shape: Shape, windows: int, tokens: int, chip: Chip) -> float:
    """Return what windows of recordings take at least, the encoder beside the decoder.

    The decoder's parts wait for each other; and the chip has all operations and all bytes to do, whatever runs beside.
    """
    decoder = [prefill(shape, 4, windows)]
    decoder += [token_step(shape, rows=windows, windows=windows, tokens=n) for n in range(4, 4 + tokens)]
    together = sum(decoder, encoding(shape, windows))
    return max(sum(part.floor_ms(chip) for part in decoder), together.floor_ms(chip))


def _best(found: dict[int, Cell]) -> tuple[Cell, str]:
    """Return the highest of several figures, and of how many windows at a time it is."""
    figures = {count: cell for count, cell in found.items() if not isinstance(cell, str)}
    if not figures:
        return next(iter(found.values())), ""
    count = max(figures, key=figures.__getitem__)
    failed = [f"{n} {cell}" for n, cell in found.items() if isinstance(cell, str)]
    return figures[count], ", ".join([f"{count} at a time", *failed])


def machine(device: Device) -> dict[str, str]:
    """Return what a figure hangs on."""
    driver = find_driver()
    found = {
        "GPU": f"{device.name}, compute capability {'.'.join(map(str, device.capability))}",
        "memory": f"{device.total_bytes() / 2**30:.1f} GB, {device.free_bytes() / 2**30:.1f} free",
        "driver": f"{driver.version}, CUDA {driver.cuda}" if driver else "none",
        "clocks": _clocks(),
        "processor": platform.processor() or platform.machine(),
        "Python": platform.python_version(),
    }
    names = ("torch", "triton", "transformers", "openai-whisper", "faster-whisper", "ctranslate2")
    return found | {name: _version(name) for name in names}


def _clocks() -> str:
    asked = "clocks.sm,clocks.mem,clocks.max.sm,power.limit,temperature.gpu"
    try:
        return subprocess.run(
            ["nvidia-smi", f"--query-gpu={asked}", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def run(told: argparse.Namespace) -> Report:
    """Measure everything, print the table, write the JSON."""
    plan = MINIATURE if told.rehearse else FULL
    if told.rehearse:
        torch.set_num_threads(1)
        device, operations = HostDevice(), PLAIN
    else:
        from engine.whisper.cuda.kernels.launches import KERNELS

        device, operations = CudaDevice(), KERNELS
    bench = Bench(plan, device, operations, Context.named(told.context), rehearse=told.rehearse)
    given = {name: Path(folder) for name, _, folder in (each.partition("=") for each in told.model)}
    store = Store(told.store)
    names = list(plan.shapes) if told.rehearse else told.models
    try:
        bench.check_speech(store.find("tiny.en").path)
    except ModelError as error:
        print(f"not checked with real weights: {error.sentence}")
    for name in names:
        with tempfile.TemporaryDirectory(prefix="undertext-") as scratch:
            folder = given.get(name) or random_weights.write(
                Path(scratch) / name, plan.shapes[name], store.find("base").path
            )
            measure(bench, name, folder, random=name not in given, peers=not told.alone)
        _save(bench.report, told.json)
    print(table(bench.report, [] if told.alone else list(PEERS)))
    return bench.report


def measure(bench: Bench, name: str, folder: Path, *, random: bool, peers: bool) -> None:
    """Measure one model."""
    print(f"{name}: checks", flush=True)
    bench.check(name, folder)
    print(f"{name}: times", flush=True)
    others = bench.load(folder) if peers else {}
    bench.parts(name, folder, others)
    if name in SPEED_GOALS:
        bench.whole(name, folder, others, random=random)
    if name == LIVE:
        bench.live(name, folder, others, random=random)
        bench.ready(name, folder)


def _save(report: Report, path: Path | None) -> None:
    """Write what there is after every model: a GPU is lent for a time, and what was measured is not lost."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report.json(), indent=1, ensure_ascii=False), encoding="utf-8")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is understood."""
    parser.add_argument("--rehearse", action="store_true", help="in miniature on the processor; figures mean nothing")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=FOLDER", help="real weights of a shape")
    parser.add_argument("--context", default="filled", help="of live updates: short, filled, padded")
    parser.add_argument("--alone", action="store_true", help="without the others")
    parser.add_argument("--json", type=Path, default=None, help="where to write the figures to")
    parser.add_argument("--store", type=Path, default=Path("build/models"), help="the model store")

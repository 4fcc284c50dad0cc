"""Which precision a model may use: words that it gets wrong in fewer bits, and with float32.

    .venv/bin/python -m tests.benchmarks.precision tiny.en live base --audio FOLDER [--limit 20] [--out FILE]

Real clips, each in one window (30 s, or 6 s for a model of short windows, which is given clips that fit), are written
by the likeliest token each time. Word error rate is all errors over all words of all clips, after Whisper's English
normaliser. A precision may be used where it costs at most 0.3 points.

It runs on the processor and makes the same numbers as a GPU would, as far as the precision goes: the float16 rung
computes in float16; int8 and FP8 are the weights (FP8: and what is multiplied with them) of their own, the rest in
float32, so that each figure shows what the 8 bits alone do. A GPU adds up in another order; that is not shown here.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from engine.models.catalog import CATALOG
from engine.models.places import places
from engine.units import samples
from engine.whisper.cuda.model.dims import Precision
from engine.whisper.cuda.model.layers import Linear
from engine.whisper.cuda.model.precision import int8, precise
from engine.whisper.cuda.model.weights import Checkpoint, read_checkpoint
from engine.whisper.cuda.model.whisper import Whisper
from engine.whisper.features import log_mel
from engine.whisper.model_bin import joined
from engine.whisper.tokenizer import Tokenizer
from tests.benchmarks.measures import word_errors
from tests.benchmarks.recordings import Recording, group
from tests.benchmarks.replay import normalise

GROUPS = ("native", "ljspeech", "read_pm", "speechocean")
RUNGS = ("float32", "float16", "int8", "fp8")
MOST_POINTS = 0.3
CPU = torch.device("cpu")
AT_ONCE = 8  # clips
TOKENS_A_SECOND = 8  # nobody speaks faster; who writes more has run into a loop


@dataclass(frozen=True)
class Model:
    """A model to be measured: its folder, and the seconds that it is shown."""

    name: str
    folder: Path
    window_s: float

    @property
    def opening(self) -> list[int]:
        """The tokens before the text."""
        words = Tokenizer(self.folder)
        multilingual = read_checkpoint(self.folder).dims.vocabulary > 51864
        return [words.start, *([words.language("en"), words.transcribe] if multilingual else []), words.untimed]


@dataclass(frozen=True)
class Figures:
    """What a precision costs a model.

    Attributes:
        model: Its name.
        rung: The precision.
        clips: How many were written.
        words: That were spoken in them.
        errors: Words substituted, left out and put in.
        changed: Clips whose normalised text is not that of float32.
        distance: Mean ‖Δ‖/‖float32‖ of the encoder states.
    """

    model: str
    rung: str
    clips: int
    words: int
    errors: int
    changed: int
    distance: float

    @property
    def wer(self) -> float:
        """Word error rate in percent."""
        return 100 * self.errors / max(1, self.words)


def whisper(checkpoint: Checkpoint, rung: str) -> Whisper:
    """Return a model of a precision."""
    if rung in {"float32", "float16"}:
        return Whisper(checkpoint, CPU, getattr(torch, rung))
    # int8 is widened once here, not at each step: the numbers are the same.
    make = _widened if rung == "int8" else precise(Precision(rung))
    return Whisper(checkpoint, CPU, torch.float32, precise=make)


def _widened(_name: str, layer: Linear) -> Linear:
    return Linear(int8(layer).widened(torch.float32), layer.bias)


def texts(model: Model, network: Whisper, clips: Sequence[Recording]) -> tuple[list[str], torch.Tensor]:
    """Return what a network writes of clips, and the encoder states of each."""
    window = samples(model.window_s)
    mels = [log_mel(_padded(clip.samples, window), network.dims.mels) for clip in clips]
    states = network.encode(torch.from_numpy(np.stack(mels)).to(network.dtype))
    most = int(max(clip.duration_s for clip in clips) * TOKENS_A_SECOND) + 8
    words = Tokenizer(model.folder)
    return [words.decode(tokens) for tokens in greedy(network, states, model.opening, words.end, most)], states.float()


def _padded(sound: np.ndarray, length: int) -> np.ndarray:
    return np.concatenate([sound, np.zeros(length - len(sound), np.float32)])


def greedy(network: Whisper, states: torch.Tensor, opening: list[int], end: int, most: int) -> list[list[int]]:
    """Return the likeliest tokens of each window, one after the other, up to the end."""
    k = len(states)
    cache, memory = network.cache(k), network.memory(k, states.shape[1])
    network.remember(states, memory)
    memory.lengths.fill_(states.shape[1])
    hidden, _ = network.read(torch.tensor([opening] * k), torch.zeros(k, dtype=torch.int64), cache, memory)
    hidden, written = hidden[:, -1], torch.empty(k, 0, dtype=torch.int64)
    for place in range(len(opening), len(opening) + most):
        tokens = network.logits(hidden).argmax(-1)
        written = torch.cat([written, tokens[:, None]], 1)
        if (written == end).any(1).all():
            break
        hidden, _ = network.step(tokens, torch.full((k,), place), cache, memory)
    return [row[: row.index(end)] if end in row else row for row in written.tolist()]


def measured(model: Model, rungs: Sequence[str], clips: Sequence[Recording]) -> list[Figures]:
    """Return the figures of each rung; float32 is the first."""
    checkpoint = read_checkpoint(model.folder)
    ordered = sorted(clips, key=lambda clip: clip.duration_s)  # those that end together stand together
    batches = [ordered[first : first + AT_ONCE] for first in range(0, len(ordered), AT_ONCE)]
    truth: list[tuple[list[str], torch.Tensor]] = []
    figures = []
    for rung in rungs:
        network = whisper(checkpoint, rung)
        found = []
        for batch in batches:
            found.append(texts(model, network, batch))
            print(".", end="", flush=True)
        truth = truth or found
        figures.append(_figures(model.name, rung, batches, found, truth))
        print(f"\r{figures[-1]}", flush=True)
    return figures


def _figures(name: str, rung: str, batches: list[list[Recording]], found: list, truth: list) -> Figures:
    errors = words = changed = 0
    distances = []
    for batch, (ours, states), (theirs, expected) in zip(batches, found, truth, strict=True):
        distances.append(float((states - expected).norm() / expected.norm()))
        for clip, text, reference in zip(batch, ours, theirs, strict=True):
            wrong, spoken = word_errors(clip.transcript, text)
            errors, words = errors + wrong, words + spoken
            changed += normalise(text) != normalise(reference)
    clips = sum(map(len, batches))
    return Figures(name, rung, clips, words, errors, changed, float(np.mean(distances)))


def allowed(figures: Sequence[Figures]) -> list[str]:
    """Return the rungs that cost a model few enough words."""
    return [each.rung for each in figures if each.wer - figures[0].wer <= MOST_POINTS]


@contextmanager
def opened(name: str, audio: Path) -> Iterator[Model]:
    """Yield a model by its name in the catalog ("live": that of the shared folder), or by its folder."""
    live = audio.parent / "models" / "whisper-tiny.en-live"
    if name == "live":
        yield Model(name, live, 6.0)
    elif Path(name).is_dir():
        yield Model(Path(name).name, Path(name), 30.0)
    else:
        place = next(places(CATALOG[name], ()))
        with tempfile.TemporaryDirectory() as folder:
            for file, parts in place.files.items():
                (Path(folder) / file).write_bytes(joined(parts).read())
            yield Model(name, Path(folder), 30.0)


def report(figures: Sequence[Figures]) -> None:
    """Print the table of a model."""
    print("\n| model | rung | clips | words | WER % | points | texts changed | encoder ‖Δ‖/‖·‖ | allowed |")
    print("|---|---|---|---|---|---|---|---|---|")
    for each in figures:
        row = f"{each.clips} | {each.words} | {each.wer:.2f} | {each.wer - figures[0].wer:+.2f} | {each.changed}"
        may = "yes" if each.rung in allowed(figures) else "no"
        print(f"| {each.model} | {each.rung} | {row} | {each.distance:.1e} | {may} |", flush=True)


def main() -> None:
    """Measure every model that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--audio", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=0, help="clips of a group; 0 takes all")
    parser.add_argument("--rungs", nargs="+", default=RUNGS[1:], choices=RUNGS[1:])
    parser.add_argument("--out", type=Path, help="JSON of all figures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    everything = []
    for name in options.models:
        with opened(name, options.audio) as model, torch.inference_mode():
            clips = [clip for each in GROUPS for clip in group(options.audio, each, options.limit)]
            fitting = [clip for clip in clips if clip.duration_s <= model.window_s - 0.5]
            figures = measured(model, ["float32", *options.rungs], fitting)
        report(figures)
        everything += [{**asdict(each), "wer": each.wer, "allowed": each.rung in allowed(figures)} for each in figures]
        if options.out:
            options.out.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

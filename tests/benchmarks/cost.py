"""What each step of a decode costs: CPU milliseconds, and how often one core could repeat the whole.

    python -m tests.benchmarks.cost ../shared/models/whisper-tiny.en-live tiny.en base small medium

Medians of process CPU time, one thread, int8. Models that nobody brought along (`small`, `medium`) have the published
shapes and random weights: what is computed is the same. The decoder is made to write as many tokens as are counted.

An update is what the live loop does for a window of 5 s: log-mel, encode, a prompt of 40 tokens in one pass, 18 tokens
one by one (committed ones forced, new ones searched greedily), align. *Filled* encodes 6 s and shows the decoder 30 s.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import ctranslate2
import numpy as np

from engine.models.store import Store
from engine.units import FRAMES_PER_SECOND, WINDOW_S
from engine.units import samples as in_samples
from engine.whisper.cpu import tune_allocator
from engine.whisper.features import log_mel
from engine.whisper.tokenizer import Tokenizer
from tests.benchmarks import untrained

HEARD_S = 5
SHOWN_S = HEARD_S + 1
PROMPT = 40  # tokens
STEPS = 18  # tokens of an update
ALIGNED = 24  # tokens
FEW, MANY = 4, 36  # tokens: a token costs their difference, divided
BUSY = 0.8  # of the core may go into updates; the voice detector and finals need the rest


class Machine:
    """A loaded model whose single steps can be weighed.

    Args:
        folder: Of the model.
        repeats: Of each step.
    """

    def __init__(self, folder: Path, repeats: int) -> None:
        self._model = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="int8", intra_threads=1)
        self._tokenizer = Tokenizer(folder)
        self._repeats = repeats
        self._sound = (0.1 * np.random.default_rng(0).standard_normal(in_samples(WINDOW_S))).astype(np.float32)
        self._opening = [self._tokenizer.start]
        if self._model.is_multilingual:
            self._opening += [self._tokenizer.language("en"), self._tokenizer.transcribe]

    def costs(self) -> dict[str, float]:
        """Return the milliseconds of every step and of the updates made of them, by name."""
        found: dict[str, float] = {}
        for shown_s in (SHOWN_S, WINDOW_S):
            mel = self._mel(shown_s)
            found[f"log-mel, {shown_s} s"] = self._ms(lambda shown_s=shown_s: self._mel(shown_s))
            found[f"encode, {shown_s} s"] = self._ms(lambda mel=mel: self._encode(mel))
            found |= {f"{name}, {shown_s} s": ms for name, ms in self._decoding(self._encode(mel)).items()}
        for name, encoded_s, shown_s in (
            ("short", SHOWN_S, SHOWN_S),
            ("filled", SHOWN_S, WINDOW_S),
            ("padded", WINDOW_S, WINDOW_S),
        ):
            encode = found[f"log-mel, {encoded_s} s"] + found[f"encode, {encoded_s} s"]
            decode = found[f"prompt of {PROMPT}, {shown_s} s"] + STEPS * found[f"token, {shown_s} s"]
            found[f"**update, {name}**"] = encode + decode + found[f"align {ALIGNED}, {shown_s} s"]
        return found

    def _decoding(self, encoded: ctranslate2.StorageView) -> dict[str, float]:
        prompt = [self._tokenizer.previous, *range(300, 300 + PROMPT)]
        tokens = list(range(300, 300 + ALIGNED))
        positions = [HEARD_S * FRAMES_PER_SECOND]

        def written(count: int, beam: int = 1, prompt: Sequence[int] = ()) -> Callable[[], object]:
            return lambda: self._generate(encoded, prompt, count, beam)

        return {
            "token": self._ms(written(MANY), beside=written(FEW)) / (MANY - FEW),
            "token, beam 5": self._ms(written(MANY, beam=5), beside=written(FEW, beam=5)) / (MANY - FEW),
            f"prompt of {PROMPT}": self._ms(written(FEW, prompt=prompt), beside=written(FEW)),
            f"align {ALIGNED}": self._ms(lambda: self._model.align(encoded, self._opening, [tokens], positions)),
        }

    def _mel(self, shown_s: int) -> np.ndarray:
        return log_mel(self._sound[: in_samples(shown_s)], self._model.n_mels)

    def _encode(self, mel: np.ndarray) -> ctranslate2.StorageView:
        return self._model.encode(ctranslate2.StorageView.from_array(mel[None]))

    def _generate(self, encoded: ctranslate2.StorageView, prompt: Sequence[int], count: int, beam: int) -> None:
        """Write so many tokens: `max_length` counts the prompt, and output ends at half of it."""
        prompt = [*prompt, *self._opening, self._tokenizer.untimed]
        found = self._model.generate(
            encoded,
            [prompt],
            beam_size=beam,
            max_length=max(2 * count, len(prompt) + count - 1),
            suppress_tokens=[-1, self._tokenizer.end],
        )
        written = len(found[0].sequences_ids[0])
        if written != count:
            raise RuntimeError(f"{written} tokens were written, not {count}")

    def _ms(self, act: Callable[[], object], beside: Callable[[], object] | None = None) -> float:
        """Return what an act costs, or how much more than one that is repeated beside it."""
        act()  # the first time is slower
        costs = [self._once(act) - (self._once(beside) if beside else 0.0) for _ in range(self._repeats)]
        return 1000 * median(costs)

    @staticmethod
    def _once(act: Callable[[], object]) -> float:
        began = time.process_time()
        act()
        return time.process_time() - began


def table(columns: dict[str, dict[str, float]]) -> str:
    """Return the costs as Markdown, a column for each model."""
    lines = [f"| CPU ms | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    names = list(next(iter(columns.values())))
    lines += [f"| {name} | {' | '.join(f'{c[name]:.3g}' for c in columns.values())} |" for name in names]
    for kind in ("short", "filled", "padded"):
        steps = [f"{c[f'**update, {kind}**'] / BUSY / 1000:.2g}" for c in columns.values()]
        lines.append(f"| step one core affords, {kind}, s | {' | '.join(steps)} |")
    return "\n".join(lines)


def main() -> None:
    """Weigh every model that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="names, folders, or shapes: " + ", ".join(untrained.SHAPES))
    parser.add_argument("--models", type=Path, default=Path("build/models"), dest="store", help="the model store")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    tune_allocator()
    columns = {}
    for name in options.models:
        store = Store(options.store)
        if name not in untrained.SHAPES:
            found = store.find(name)
            columns[found.name] = Machine(found.path, options.repeats).costs()
            continue
        with tempfile.TemporaryDirectory(dir=options.store) as folder:
            made = Path(folder) / name
            untrained.write(made, untrained.SHAPES[name], store.find("base").path)
            columns[f"{name}, random weights"] = Machine(made, options.repeats).costs()
    print(table(columns))


if __name__ == "__main__":
    main()

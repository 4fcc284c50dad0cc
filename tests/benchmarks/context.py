"""How much sound a model's encoder must be shown: error rates and cost, context by context.

    python -m tests.benchmarks.context tiny.en base ../shared/models/whisper-tiny.en-live --audio ../shared/audio

Clips of at most 12 s, each one window, decoded greedily by `CpuRecognizer`; neither guard nor pipeline is between. What
the live loop sees is not a clip but its beginning: each clip is cut off at some lengths as well, and all but the last
word of that is compared with as many words of the whole clip, padded. Sounds without speech are cut into pieces.

Contexts are named as the table has them: `+1` encodes the window and 1 s of silence, `+1≥10` no less than 10 s, `+1…30`
fills up to 30 s with what the encoder makes of silence, and `30` is padded.
"""

import argparse
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import ctranslate2
import numpy as np

from engine.models.store import Store
from engine.records import Window
from engine.settings import EngineSettings
from engine.speech.certainty import plain
from engine.speech.loops import repeated
from engine.units import samples as in_samples
from engine.whisper.cpu import CpuRecognizer
from engine.whisper.recognizer import Context
from tests.benchmarks import recordings
from tests.benchmarks.measures import word_errors
from tests.benchmarks.replay import key

LONGEST_S = 12.0  # of a clip: longer than the live loop's windows
PIECE_S = 5.0  # of a sound without speech
PIECES = 3  # of each sound, from its beginning
EVERY = {"native": 1, "ljspeech": 1, "read_pm": 3, "speechocean": 3}  # so many-th clip of a group
PADDED = "30"
CONTEXTS = [
    *(f"+{margin}" for margin in ("0", "0.25", "0.5", "1", "1.5", "2")),
    *(f"+1≥{least}" for least in (5, 8, 10, 12, 15, 20, 25)),
    *(f"+{margin}…30" for margin in ("0", "0.5", "1", "2")),
]


class Weighed(CpuRecognizer):
    """Notes the CPU time of every encode."""

    def __init__(self, folder: Path, context: Context, settings: EngineSettings) -> None:
        super().__init__(folder, context, settings)
        self.encode_s: list[float] = []

    def _encode(self, window: Window) -> ctranslate2.StorageView:
        began = time.process_time()
        encoded = super()._encode(window)
        self.encode_s.append(time.process_time() - began)
        return encoded


@dataclass
class Row:
    """What one context comes to.

    Attributes:
        errors: By group: word errors, and words.
        texts: Of each whole clip, its words.
        loops: Texts that repeat themselves.
        phantoms: Words written where nobody speaks.
        agreed: Of each clip that was cut off, whether all but its last word stands in the whole one, padded.
        encode_s: CPU time of each encode of speech.
        window_s: Mean CPU time of a window of speech, the encode included.
    """

    errors: dict[str, tuple[int, int]] = field(default_factory=dict)
    texts: list[list[str]] = field(default_factory=list)
    loops: int = 0
    phantoms: int = 0
    agreed: list[bool] = field(default_factory=list)
    encode_s: list[float] = field(default_factory=list)
    window_s: float = 0.0


def context(name: str) -> Context:
    """Return the context that a name in the table means.

    Raises:
        ValueError: It means none.
    """
    if name == PADDED:
        return Context.PADDED
    found = re.fullmatch(r"\+([\d.]+)(?:≥(\d+))?(…30)?", name)
    if found is None:
        raise ValueError(f"{name!r} is no context")
    margin_s, least_s, filled = found.groups()
    return Context(name, float(margin_s), float(least_s or 0), filled is not None, step_s=0.5, wide=False)


class Bench:
    """What every context is measured on.

    Args:
        audio: Folder of recordings.
        every: So many-th clip of each group.
        cuts_s: Where clips are cut off.
    """

    def __init__(self, audio: Path, every: dict[str, int], cuts_s: Sequence[float]) -> None:
        self.clips: list[recordings.Recording] = []
        for group, step in every.items():
            self.clips += [one for one in recordings.group(audio, group) if one.duration_s <= LONGEST_S][::step]
        cuts = [in_samples(cut_s) for cut_s in cuts_s]
        self.beginnings = [
            (index, clip.samples[:cut])
            for index, clip in enumerate(self.clips)
            for cut in cuts
            if len(clip.samples) >= cut + in_samples(1)
        ]
        self.pieces = list(_pieces(audio))

    def measure(self, folder: Path, shown: Context, padded: Sequence[Sequence[str]] | None) -> Row:
        """Return what a context comes to; `padded` has the words of the clips, or these are what it finds."""
        model, row = Weighed(folder, shown, EngineSettings(language="en", threads=1)), Row()
        began = time.process_time()
        for clip in self.clips:
            row.texts.append(_words(model, clip.samples))
            errors, words = word_errors(clip.transcript, "".join(row.texts[-1]))
            before = row.errors.get(clip.group, (0, 0))
            row.errors[clip.group] = (before[0] + errors, before[1] + words)
        texts = list(row.texts)
        for index, sound in self.beginnings:
            texts.append(_words(model, sound))
            found, whole = (_keys(words) for words in (texts[-1][:-1], (padded or row.texts)[index]))
            row.agreed.append(found == whole[: len(found)])
        row.encode_s, row.window_s = model.encode_s.copy(), (time.process_time() - began) / len(texts)
        texts += (silence := [_words(model, piece) for piece in self.pieces])
        row.phantoms = sum(map(len, silence))
        row.loops = sum(bool(repeated([plain(word) for word in words])) for words in texts)
        return row


def _pieces(audio: Path) -> Iterator[np.ndarray]:
    length = in_samples(PIECE_S)
    for group in recordings.SILENT:
        for recording in recordings.group(audio, group):
            for at in range(0, min(PIECES * length, max(len(recording.samples) - length, 1)), length):
                yield recording.samples[at : at + length]


def _words(model: Weighed, samples: np.ndarray) -> list[str]:
    return [word.text for word in model.recognize(Window(samples, 0, language="en")).words]


def _keys(words: Sequence[str]) -> list[str]:
    return [made for word in words if (made := key(word))]


def _cells(name: str, row: Row) -> str:
    pooled = [sum(part) for part in zip(*row.errors.values(), strict=True)]
    rates = [f"{100 * errors / words:.1f}" for errors, words in (*row.errors.values(), pooled)]
    agreed = f"{100 * np.mean(row.agreed):.0f} %" if row.agreed else "–"
    costs = [f"{1000 * np.median(row.encode_s):.0f}", f"{1000 * row.window_s:.0f}"]
    return " | ".join(["| " + name, *rates, agreed, str(row.loops), str(row.phantoms), *costs]) + " |"


def main() -> None:
    """Print a table for every model that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="names or folders")
    parser.add_argument("--models", type=Path, default=Path("build/models"), dest="store", help="the model store")
    parser.add_argument("--audio", type=Path, required=True, help="folder of recordings with a MANIFEST.tsv")
    parser.add_argument("--contexts", nargs="+", default=CONTEXTS, help="beside the padded one")
    parser.add_argument("--thin", type=int, default=1, help="of the clips take every so many-th only")
    parser.add_argument("--cuts", type=float, nargs="*", default=[2.0, 3.5, 5.0], help="seconds")
    options = parser.parse_args()
    bench = Bench(options.audio, {group: step * options.thin for group, step in EVERY.items()}, options.cuts)
    for name in options.models:
        _print_table(name, bench, Store(options.store), options.contexts)


def _print_table(name: str, bench: Bench, store: Store, contexts: Sequence[str]) -> None:
    found = store.find(name)
    print(
        f"\n{found.name}: {len(bench.clips)} clips, {len(bench.beginnings)} cut off, {len(bench.pieces)} without speech"
    )
    groups = " | ".join(dict.fromkeys(clip.group for clip in bench.clips))
    print(f"| context | {groups} | all | cut off: agrees | loops | words over none | encode, ms | window, ms |")
    print("|---" * (len(groups.split(" | ")) + 7) + "|", flush=True)
    padded = None
    for shown in (PADDED, *contexts):
        row = bench.measure(found.path, context(shown), padded)
        padded = padded or row.texts
        print(_cells(shown, row), flush=True)


if __name__ == "__main__":
    main()

"""Words in what is no speech: silence, noise, music. There must be none.

    export OPENBLAS_NUM_THREADS=1    # the program sets this for itself
    .venv/bin/python -m tests.benchmarks.silence tiny.en base --audio ../shared/audio

Every recording, as it is and 20 dB quieter, and every sound of `sounds.py` is fed to a new
pipeline, as fast as it goes, a second of silence behind it. A table for each model: the sound, its length, how long
somebody was heard to speak in it, windows decoded, words that became final, unstable words that stood on the screen at
once at most, words withheld by their reasons. Sung words are speech: songs stand apart, below the sum.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from desktop.wiring import Engine
from engine.pipeline import Pipeline
from engine.records import AudioBlock, Caption, Heard, Withheld
from engine.settings import EngineSettings
from engine.units import SAMPLE_RATE, samples
from engine.vocabulary import terms_of
from tests.benchmarks.recordings import Recording, load
from tests.benchmarks.sounds import sounds

BLOCK_S = 0.1
AFTER_S = 1.0
QUIETER_DB = -20


@dataclass
class Tally:
    """What one sound, or several, were turned into.

    Attributes:
        length_s: Seconds of sound.
        spoken_s: Of these, seconds in which the detector heard speech.
        updates: Windows decoded.
        words: That became final.
        shown: That stood on the screen at once without being final, at most.
        withheld: Words by the reason for which they were not believed.
        texts: What was said, for reading.
    """

    length_s: float = 0.0
    spoken_s: float = 0.0
    updates: int = 0
    words: int = 0
    shown: int = 0
    withheld: Counter[str] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)

    def take(self, event: Heard) -> None:
        """Count one event."""
        if isinstance(event, Caption):
            self.words += len(event.words)
            self.shown = max(self.shown, len(event.unstable.split()))
            if event.final and event.committed:
                self.texts.append(event.committed)
        elif isinstance(event, Withheld):
            self.withheld[event.reason.value] += len(event.text.split())
            self.texts.append(f"[{event.reason.value}: {event.text}]")

    def add(self, other: "Tally") -> None:
        """Add another sound's figures."""
        self.length_s += other.length_s
        self.spoken_s += other.spoken_s
        self.updates += other.updates
        self.words += other.words
        self.shown = max(self.shown, other.shown)
        self.withheld += other.withheld

    def row(self, name: str) -> str:
        withheld = ", ".join(f"{count} {reason}" for reason, count in sorted(self.withheld.items())) or "0"
        heard = f"{self.length_s:.0f} | {self.spoken_s:.1f} | {self.updates}"
        return f"| {name} | {heard} | {self.words} | {self.shown} | {withheld} |"


def played(pipeline: Pipeline, recording: Recording) -> Tally:
    """Caption a recording and return what became of it."""
    tally = Tally(length_s=recording.duration_s)
    sound = np.concatenate([recording.samples, np.zeros(samples(AFTER_S), np.float32)])[:, None]
    for at in range(0, len(sound), samples(BLOCK_S)):
        for event in pipeline.feed(AudioBlock(sound[at : at + samples(BLOCK_S)].copy(), SAMPLE_RATE)):
            tally.take(event)
        tally.spoken_s += BLOCK_S * pipeline.speaking
    for event in pipeline.finish():
        tally.take(event)
    tally.updates = pipeline.updates
    return tally


def recorded(audio: Path) -> Iterator[tuple[Recording, bool]]:
    """Yield the recordings without a speaker, and whether somebody sings in them."""
    with (audio / "MANIFEST.tsv").open(encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table, delimiter="\t") if row["file"].startswith("non_speech/")]
    for row in rows:
        if (audio / row["file"]).exists():
            name, sound, is_sung = Path(row["file"]).name, load(audio / row["file"]), row["language"] != "-"
            yield Recording(name, "non_speech", sound, ""), is_sung
            quiet = (sound * 10 ** (QUIETER_DB / 20)).astype(np.float32)
            yield Recording(f"{name}, {QUIETER_DB} dB", "non_speech", quiet, ""), is_sung


def report(engine: Engine, heard: Iterable[tuple[Recording, bool]], *, verbose: bool) -> None:
    """Print the table of one model."""
    print(f"\n{engine.installed.name}, language {engine.settings.language}\n")
    print("| sound | s | heard speech, s | windows | words | shown at most | withheld |\n|---|---|---|---|---|---|---|")
    total = Tally()
    songs: list[str] = []
    for recording, is_sung in heard:
        tally = played(engine.pipeline(), recording)
        row = tally.row(recording.name) + "".join(f"\n    {text}" for text in tally.texts if verbose)
        if is_sung:
            songs.append(row)
            continue
        total.add(tally)
        print(row, flush=True)
    print(total.row("**all**"))
    for song in songs:
        print(song)


def main() -> None:
    """Measure every model that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--audio", type=Path, required=True)
    parser.add_argument("--language", default="auto")
    parser.add_argument("--verbose", action="store_true", help="print what was written")
    parser.add_argument("--vocabulary", type=Path, help="names and terms that must not leak, such as names.txt here")
    options = parser.parse_args()
    terms = terms_of(options.vocabulary.read_text(encoding="utf-8")) if options.vocabulary else ()
    heard = [*recorded(options.audio), *((sound, False) for sound in sounds())]
    for model in options.models:
        engine = Engine(EngineSettings(language=options.language, vocabulary=terms), model)
        report(engine, heard, verbose=options.verbose)


if __name__ == "__main__":
    main()

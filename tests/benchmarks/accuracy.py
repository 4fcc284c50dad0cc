"""Word error rate of live captions against faster-whisper's offline transcripts: same model, same clips, same run.

    export OPENBLAS_NUM_THREADS=1    # the program sets this for itself
    .venv/bin/python -m tests.benchmarks.accuracy tiny.en ../shared/models/whisper-tiny.en-live --audio ../shared/audio

Live: `Pipeline.feed` in 100 ms blocks, as `undertext caption --pace fast` does. Offline: `WhisperModel.transcribe` with
beam 5, temperature 0. Texts go through Whisper's English normaliser; the rate of a group is all its errors over all
its words. Non-speech clips are counted in words. CPU is process time per second of sound.
"""

import argparse
import csv
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jiwer
from faster_whisper import WhisperModel
from whisper_normalizer.english import EnglishTextNormalizer

from desktop.wiring import Engine
from engine.audio.sources import FileSource
from engine.pipeline import Pipeline
from engine.records import Caption, Heard
from engine.settings import EngineSettings
from engine.units import seconds
from engine.vocabulary import terms_of

GROUPS = ("native", "ljspeech", "read_pm", "speechocean", "long", "non_speech")
NO_TRANSCRIPT = {"none", ""}
normalise = EnglishTextNormalizer()


@dataclass
class Tally:
    """Errors and words of one way of captioning one group."""

    errors: int = 0
    words: int = 0
    written: int = 0
    cpu_s: float = 0.0
    last: str = ""

    def add(self, reference: str, text: str, cpu_s: float, name: str) -> None:
        said, heard = normalise(reference), normalise(text)
        self.cpu_s += cpu_s
        self.written += len(heard.split())
        if not said:
            return
        measured = jiwer.process_words(said, heard or "∅")
        errors = measured.substitutions + measured.deletions + measured.insertions
        self.errors += errors
        self.words += len(said.split())
        self.last = f"{errors} {name}: {heard}"

    @property
    def wer(self) -> float:
        return 100 * self.errors / self.words if self.words else 0.0


def clips(audio: Path, group: str, limit: int) -> Iterator[tuple[Path, str]]:
    """Yield the English clips of a group with their transcripts; of non-speech, with none."""
    with (audio / "MANIFEST.tsv").open(encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table, delimiter="\t") if row["file"].startswith(f"{group}/")]
    if group == "non_speech":
        rows = [{**row, "transcript": ""} for row in rows if row["language"] == "-"]
    else:
        rows = [row for row in rows if row["language"].startswith("en") and row["transcript"] not in NO_TRANSCRIPT]
        rows = [row for row in rows if "LEFT:" not in row["transcript"]]  # two speakers at once
    for row in rows[:: max(1, len(rows) // limit)] if limit else rows:
        if (audio / row["file"]).exists():
            yield audio / row["file"], row["transcript"]


def live(engine: Engine, path: Path) -> tuple[str, float, float]:
    """Caption a file; return its text, the CPU seconds and the length in seconds."""
    pipeline, source = Pipeline(engine.recognizer, engine.settings), FileSource(path)
    began = time.process_time()
    events: list[Heard] = []
    source.open()
    while not source.exhausted:
        for block in source.read(0):
            events += pipeline.feed(block)
    events += pipeline.finish()
    text = "".join(word.text for event in events if isinstance(event, Caption) for word in event.words)
    return text, time.process_time() - began, seconds(pipeline.heard)


def offline(model: WhisperModel, path: Path) -> tuple[str, float]:
    """Transcribe a file; return its text and the CPU seconds."""
    began = time.process_time()
    segments, _ = model.transcribe(str(path), language="en", beam_size=5, temperature=0)
    text = "".join(segment.text for segment in segments)
    return text, time.process_time() - began


def compare(name: str, options: argparse.Namespace) -> None:
    """Print the table of one model."""
    terms = terms_of(options.vocabulary.read_text(encoding="utf-8")) if options.vocabulary else ()
    engine = Engine(EngineSettings(vocabulary=terms), name)
    reference = WhisperModel(str(engine.installed.path), device="cpu", compute_type="int8", cpu_threads=1)
    print(f"\n{engine.installed.name}, {engine.installed.context.name} context, on {platform.processor() or 'cpu'}")
    print("| clips | words | offline WER | live WER | difference | words live | offline | CPU s/s live | offline |")
    print("|---|---|---|---|---|---|---|---|---|")
    for group in options.groups:
        ours, theirs, length_s, count = Tally(), Tally(), 0.0, 0
        for path, transcript in clips(options.audio, group, options.limit):
            text, cpu_s, heard_s = live(engine, path)
            ours.add(transcript, text, cpu_s, path.name)
            theirs.add(transcript, *offline(reference, path), path.name)
            length_s, count = length_s + heard_s, count + 1
            if options.verbose:
                print(f"{path.name}\n  said    {normalise(transcript)}")
                print(f"  live    {ours.last or text}\n  offline {theirs.last}", flush=True)
        rates = f"{theirs.wer:.1f} | {ours.wer:.1f} | {ours.wer - theirs.wer:+.1f}"
        costs = f"{ours.cpu_s / length_s:.2f} | {theirs.cpu_s / length_s:.2f}"
        print(
            f"| {group} ({count}, {length_s:.0f} s) | {ours.words} | {rates} "
            f"| {ours.written} | {theirs.written} | {costs} |",
            flush=True,
        )


def main() -> None:
    """Compare every model that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--audio", type=Path, required=True)
    parser.add_argument("--groups", nargs="+", default=GROUPS, choices=GROUPS)
    parser.add_argument("--limit", type=int, default=0, help="clips of a group; 0 takes all")
    parser.add_argument("--vocabulary", type=Path, help="names and terms for the live way, such as names.txt here")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    for name in options.models:
        compare(name, options)


if __name__ == "__main__":
    main()

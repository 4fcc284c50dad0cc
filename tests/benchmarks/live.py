"""Captions as their reader gets them: how early, how steady, how right, at what cost; beside the usual ways.

    python -m tests.benchmarks.live --model ../shared/models/whisper-tiny.en-live --audio ../shared/audio \\
        --clips long/pm_long_LJ003-0001_0008.flac --baselines --plot build/plots

Recordings are fed in blocks of 100 ms on a virtual clock (`clock.py`); each engine leaves an event log, and every
figure is computed from the logs, the transcripts and the times of their words (`measures.py`, `word_times.py`).
`--real` captions each recording again with `undertext caption` at real pace, to see that the clock tells the truth.
`--beside NAME=DIR` puts the logs of another engine beside ours: DIR/<clip, / as _>.jsonl.
"""

import argparse
import hashlib
import json
import platform
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from faster_whisper import WhisperModel

from desktop.wiring import Engine
from engine.models.store import Store
from engine.settings import EngineSettings
from engine.speech.commit import POLICIES, CommitPolicy
from engine.units import samples as in_samples
from tests.benchmarks import baselines, measures, recordings
from tests.benchmarks.clock import Captioner, VirtualClock, play, play_real
from tests.benchmarks.figures import Measured, figures, measure, table
from tests.benchmarks.measures import Spoken
from tests.benchmarks.plot import draw
from tests.benchmarks.recordings import Recording
from tests.benchmarks.word_times import Aligner

LANGUAGE = "en"
BUILD = Path(__file__).parents[2] / "build" / "benchmarks"
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
OURS = "undertext"


class Bench:
    """One model, in every way that is compared."""

    def __init__(self, options: argparse.Namespace) -> None:
        store = Store(options.models)
        settings = EngineSettings(language=LANGUAGE, threads=options.threads)
        self.engine = Engine(settings, options.model, store)
        self._options = options
        self._stock = WhisperModel(
            str(self.engine.installed.path), device="cpu", compute_type="int8", cpu_threads=options.threads or 1
        )
        self._aligner = Aligner(store, BUILD / "words")
        self._logs = options.logs / self.engine.installed.name
        self._logs.mkdir(parents=True, exist_ok=True)

    @property
    def engines(self) -> dict[str, Callable[[], Captioner]]:
        """What is played on the virtual clock, by the name it has in the table."""
        found: dict[str, Callable[[], Captioner]] = {
            OURS if policy == "certainty" else policy: partial(self._pipeline, policy)
            for policy in self._options.policy
        }
        if self._options.baselines:
            found["growing buffer, LocalAgreement-2"] = lambda: baselines.LocalAgreementBuffer(self._stock, LANGUAGE)
            found["pieces of 5 s"] = lambda: baselines.FixedPieces(self._stock, LANGUAGE)
        return found

    def _pipeline(self, policy: str) -> Captioner:
        return self.engine.pipeline(CommitPolicy(POLICIES[policy]))

    def warm_up(self, recording: Recording) -> None:
        """Let every engine decode once: the first time is slower."""
        for make in self.engines.values():
            clock = VirtualClock()
            play(make(), recording.fed[: in_samples(6)], self._logs / "warm-up.jsonl", clock)

    def runs(self, recording: Recording, spoken: list[Spoken]) -> Iterator[Measured]:
        """Yield what each engine does with a recording."""
        name = recording.name.replace("/", "_")
        for engine, make in self.engines.items():
            log = self._logs / f"{name}.{engine.replace(' ', '_')}.jsonl"
            play(make(), recording.fed, log, VirtualClock(CLOCKS[self._options.clock]))
            yield measure(engine, recording, spoken, log)
        if self._options.real:
            log = self._logs / f"{name}.real.jsonl"
            play_real(str(self.engine.installed.path), recording.fed, log, LANGUAGE)
            yield measure(f"{OURS}, real pace", recording, spoken, log)
        for engine, folder in self._options.beside:
            yield measure(engine, recording, spoken, folder / f"{name}.jsonl")

    def spoken(self, recording: Recording) -> list[Spoken]:
        """Return the words of a recording and when they are said."""
        if not recording.parts:
            return self._aligner.words(recording.samples, recording.transcript)
        return [
            Spoken(word.text, start_s + word.start_s, start_s + word.stop_s)
            for part, start_s in recording.parts
            for word in self.spoken(part)
        ]

    def offline_errors(self, recording: Recording) -> dict[str, int]:
        """Return the errors of each offline setting."""
        if recording.parts:
            parts = [self.offline_errors(part) for part, _ in recording.parts]
            return {setting: sum(part[setting] for part in parts) for setting in baselines.OFFLINE}
        key = hashlib.sha256(recording.samples.tobytes() + self._weights.encode()).hexdigest()[:20]
        path = BUILD / "offline" / f"{key}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(dict(baselines.texts(self._stock, recording.samples, LANGUAGE))))
        texts = json.loads(path.read_text())
        return {name: measures.word_errors(recording.transcript, text)[0] for name, text in texts.items()}

    @property
    def _weights(self) -> str:
        status = (self.engine.installed.path / "model.bin").stat()
        return f"{self.engine.installed.path} {status.st_size} {status.st_mtime_ns}"


def chosen(options: argparse.Namespace) -> list[Recording]:
    """Return the recordings that were asked for."""
    found = list(recordings.chosen(options.audio, options.clips))
    for name in options.groups or (() if options.clips else recordings.GROUPS):
        found += recordings.group(options.audio, name, options.limit)
    return [recordings.joined(found, options.minutes)] if options.minutes else found


def compare(bench: Bench, options: argparse.Namespace) -> dict[str, Any]:
    """Run everything; print each group's table, return all figures."""
    found = chosen(options)
    bench.warm_up(found[0])
    told: dict[str, Any] = {"model": bench.engine.installed.name, "machine": platform.processor()}
    told |= {"clock": options.clock, "groups": {}, "recordings": {}}
    for group in dict.fromkeys(recording.group for recording in found):
        members = [recording for recording in found if recording.group == group]
        pool: list[Measured] = []
        for recording in members:
            runs = _captioned(bench, recording, options.plot)
            told["recordings"][recording.name] = {run.engine: figures([run], None) for run in runs}
            pool += runs
        told["groups"][group] = _grouped(bench, group, members, pool)
    return told


def _captioned(bench: Bench, recording: Recording, plots: Path | None) -> list[Measured]:
    """Return what every engine does with a recording, and draw it."""
    spoken = bench.spoken(recording)
    runs = list(bench.runs(recording, spoken))
    if plots:
        plots.mkdir(parents=True, exist_ok=True)
        draw(plots / f"{recording.name.replace('/', '_')}.png", recording.name, spoken, runs)
    return runs


def _grouped(bench: Bench, group: str, members: list[Recording], pool: list[Measured]) -> dict[str, Any]:
    """Print the table of a group and return its figures; offline counts the setting that errs least in all of it."""
    each = [bench.offline_errors(recording) for recording in members if recording.transcript]
    errors = {setting: sum(one[setting] for one in each) for setting in baselines.OFFLINE}
    columns = {
        name: figures([run for run in pool if run.engine == name], min(errors.values()))
        for name in dict.fromkeys(run.engine for run in pool)
    }
    length_s = sum(recording.duration_s for recording in members)
    words = sum(run.words for run in pool if run.engine == pool[0].engine)
    print(f"\n{table(f'{group}: {len(members)} recordings, {length_s:.0f} s, {words} words', columns)}", flush=True)
    if words:
        rates = [f"{setting} {100 * count / words:.1f} %" for setting, count in errors.items()]
        print(f"\nOffline: {', '.join(rates)}.", flush=True)
    return {"offline": errors, "engines": columns}


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="name or folder")
    parser.add_argument("--models", type=Path, default=BUILD.parent / "models", help="folder of the model store")
    parser.add_argument("--audio", type=Path, required=True, help="folder of recordings with a MANIFEST.tsv")
    parser.add_argument("--clips", nargs="+", default=[], help="recordings by their names in the table")
    parser.add_argument("--groups", nargs="+", choices=recordings.GROUPS, help="all, where no clips are named")
    parser.add_argument("--limit", type=int, default=0, help="recordings of a group; 0 takes all")
    parser.add_argument("--minutes", type=float, default=0, help="join the recordings, again and again, to this length")
    parser.add_argument("--policy", nargs="+", choices=POLICIES, default=["certainty"], help="what says what is final")
    parser.add_argument("--baselines", action="store_true", help="run the usual ways beside ours")
    parser.add_argument("--real", action="store_true", help="caption at real pace as well")
    parser.add_argument("--beside", nargs="+", type=_beside, default=[], metavar="NAME=DIR", help="logs of others")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: other work on the machine does not count")
    parser.add_argument("--threads", type=int, default=0, help="of every recogniser; 0: ours chooses, theirs take one")
    parser.add_argument("--logs", type=Path, default=BUILD / "logs", help="where event logs are left")
    parser.add_argument("--json", type=Path, help="write all figures")
    parser.add_argument("--plot", type=Path, help="write a picture of each recording into this folder")
    return parser


def _beside(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    return name, Path(folder)


def main() -> None:
    """Measure what was asked for."""
    options = _arguments().parse_args()
    told = compare(Bench(options), options)
    if options.json:
        options.json.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()

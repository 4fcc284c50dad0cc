"""What is fed: clips with transcripts, sounds without speech, and an hour made of them. All at 16 kHz, mono.

A folder of clips has a table `MANIFEST.tsv` with the columns file, language and transcript.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.audio.resample import Resampler
from engine.audio.sources import FileSource
from engine.records import AudioBlock
from engine.units import SAMPLE_RATE, seconds
from engine.units import samples as in_samples

GROUPS = ("native", "ljspeech", "read_pm", "speechocean", "long", "non_speech", "synthetic")
SILENT = ("non_speech", "synthetic")
TAIL_S = 2.0  # of silence after each recording: a microphone goes on when the speaker stops
SYNTHETIC_S = 60.0


@dataclass(frozen=True)
class Recording:
    """Something to caption.

    Attributes:
        name: Of the file.
        group: Which figures it counts in.
        samples: float32 [n], 16 kHz, without the tail.
        transcript: What is said; "" where nobody speaks.
        parts: The recordings that it was joined from, and where each begins in seconds.
    """

    name: str
    group: str
    samples: np.ndarray
    transcript: str
    parts: tuple[tuple["Recording", float], ...] = ()

    @property
    def duration_s(self) -> float:
        return seconds(len(self.samples))

    @property
    def fed(self) -> np.ndarray:
        """What an engine is fed: the recording and the tail."""
        return np.concatenate([self.samples, np.zeros(in_samples(TAIL_S), np.float32)])


def load(path: Path) -> np.ndarray:
    """Return a media file as samples, rounded to 16 bits so that a WAV file of it is the same."""
    source = FileSource(path)
    source.open()
    blocks: list[AudioBlock] = []
    while not source.exhausted:
        blocks += [item for item in source.read(0) if isinstance(item, AudioBlock)]
    resampler = Resampler(blocks[0].sample_rate)
    pieces = [*map(resampler.feed, blocks), resampler.finish()]
    return (np.round(np.clip(np.concatenate(pieces), -1, 1) * 32767) / 32767).astype(np.float32)


def group(audio: Path, name: str, limit: int = 0) -> Iterator[Recording]:
    """Yield the English recordings of a group, at most about `limit` of them, spread over it."""
    if name == "synthetic":
        yield from synthetic()
        return
    found = [row for row in rows(audio) if row["file"].startswith(f"{name}/")]
    found = [row for row in found if (row["language"] == "-" if name in SILENT else _usable(row))]
    for row in found[:: max(1, len(found) // limit)] if limit else found:
        yield _recording(audio, row)


def chosen(audio: Path, names: Sequence[str]) -> Iterator[Recording]:
    """Yield recordings by their names in the table.

    Raises:
        ValueError: What is said in it is not known, or not English, or not said by one speaker.
    """
    found = {row["file"]: row for row in rows(audio)}
    for name in names:
        if not name.startswith(SILENT) and not _usable(found[name]):
            raise ValueError(f"{name} has no English transcript of one speaker")
        yield _recording(audio, found[name])


def joined(recordings: Sequence[Recording], minutes: float) -> Recording:
    """Return one long recording: the given ones again and again, half a second apart."""
    pause = np.zeros(in_samples(0.5), np.float32)
    sounds: list[np.ndarray] = []
    parts: list[tuple[Recording, float]] = []
    length = 0
    while length < in_samples(60 * minutes):
        recording = recordings[len(parts) % len(recordings)]
        parts.append((recording, seconds(length)))
        sounds += [recording.samples, pause]
        length += len(recording.samples) + len(pause)
    said = " ".join(recording.transcript for recording, _ in parts)
    return Recording(f"{minutes:g} minutes", "joined", np.concatenate(sounds), said, tuple(parts))


def synthetic() -> Iterator[Recording]:
    """Yield a minute each of silence, hiss, and a fan: brown noise under a hum."""
    count = in_samples(SYNTHETIC_S)
    random = np.random.default_rng(4)
    white = random.standard_normal(count)
    brown = np.cumsum(random.standard_normal(count))
    brown -= np.convolve(brown, np.ones(1600) / 1600, mode="same")  # nothing below 10 Hz
    time_s = np.arange(count) / SAMPLE_RATE
    hum = sum(np.sin(2 * np.pi * 50 * k * time_s) / k for k in (1, 2, 3))
    sounds = {
        "silence": np.zeros(count),
        "hiss": 0.003 * white,
        "fan": 0.03 * brown / brown.std() + 0.01 * hum,
    }
    for name, sound in sounds.items():
        yield Recording(name, "synthetic", sound.astype(np.float32), "")


def rows(audio: Path) -> list[dict[str, str]]:
    """Return what the table says of the recordings that are there."""
    with (audio / "MANIFEST.tsv").open(encoding="utf-8") as table:
        return [row for row in csv.DictReader(table, delimiter="\t") if (audio / row["file"]).exists()]


def _usable(row: dict[str, str]) -> bool:
    """Whether one speaker says in English what the transcript says."""
    said = row["transcript"]
    return row["language"].startswith("en") and said not in {"", "none"} and "LEFT:" not in said


def _recording(audio: Path, row: dict[str, str]) -> Recording:
    name = row["file"].partition("/")[0]
    return Recording(row["file"], name, load(audio / row["file"]), "" if name in SILENT else row["transcript"])

"""What a model keeps of its languages: character errors in each, and which language it hears, context by context.

    python -m tests.benchmarks.languages base my-model --audio ../shared/audio

Recordings are divided into utterances, as `undertext adapt` divides its own; each is one window, decoded greedily by
`CpuRecognizer`. Errors are counted with the language told, character by character without marks and spaces, for not
every script has words. The language is asked of the beginnings of the same utterances. Contexts are named as
`context.py` names them.
"""

import argparse
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jiwer
import numpy as np

from engine.adapt.utterances import utterances
from engine.models.store import Store
from engine.records import Window
from engine.settings import EngineSettings
from engine.speech.vad import SpeechDetector
from engine.units import samples as in_samples
from engine.whisper.cpu import CpuRecognizer
from tests.benchmarks import recordings
from tests.benchmarks.context import PADDED, context

BEGINNINGS = tuple(map(in_samples, (1.0, 2.0, 4.0)))
CONTEXTS = (PADDED, "+0.5", "+1", "+1…30")
UNKNOWN = ("none", "")  # what the table of recordings says where nobody has written down what is said


@dataclass(frozen=True)
class Clip:
    """A recording of one language.

    Attributes:
        language: ISO 639-1.
        utterances: float32 [n] each, 16 kHz.
        transcript: What is said in all of them; "" where nobody has written it down.
    """

    language: str
    utterances: Sequence[np.ndarray]
    transcript: str


@dataclass
class Row:
    """What one context comes to.

    Attributes:
        errors: By language: characters that are wrong, and characters.
        right: Of each beginning: whether its language was heard.
        probabilities: Of each beginning: how sure the model was of the right one, or 0.
    """

    errors: dict[str, tuple[int, int]] = field(default_factory=dict)
    right: list[bool] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)


def bare(text: str) -> str:
    """Return the letters and digits of a text, as small ones: in one form, without marks and spaces."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def character_errors(said: str, heard: str) -> tuple[int, int]:
    """Return by how many characters a text differs from its reference, and how many that has."""
    wanted, found = bare(said), bare(heard)
    if not wanted or not found:
        return len(wanted or found), len(wanted)
    compared = jiwer.process_characters(wanted, found)
    return compared.substitutions + compared.deletions + compared.insertions, len(wanted)


def clips(audio: Path) -> Iterator[Clip]:
    """Yield the recordings of one language each, none of them English."""
    detector = SpeechDetector()
    for row in recordings.rows(audio):
        if not row["file"].startswith("non_english/") or row["language"] == "mixed":
            continue
        sound = recordings.load(audio / row["file"])
        spans = utterances([np.round(32767 * sound).astype(np.int16)], detector)
        said = "" if row["transcript"] in UNKNOWN else row["transcript"]
        yield Clip(row["language"], [sound[span.start : span.stop] for span in spans], said)


def measure(folder: Path, name: str, heard: Sequence[Clip]) -> Row:
    """Return what a context comes to."""
    model, row = CpuRecognizer(folder, context(name), EngineSettings(threads=1)), Row()
    for clip in heard:
        if clip.transcript:
            text = "".join(_text(model, sound, clip.language) for sound in clip.utterances)
            errors, count = character_errors(clip.transcript, text)
            before = row.errors.get(clip.language, (0, 0))
            row.errors[clip.language] = before[0] + errors, before[1] + count
        for sound in clip.utterances:
            for length in BEGINNINGS:
                if length <= len(sound):
                    found = model.recognize(Window(sound[:length], 0))
                    row.right.append(found.language == clip.language)
                    row.probabilities.append(found.language_probability * row.right[-1])
    return row


def _text(model: CpuRecognizer, sound: np.ndarray, language: str) -> str:
    return "".join(word.text for word in model.recognize(Window(sound, 0, language=language)).words)


def _cells(name: str, row: Row) -> str:
    pooled = [sum(part) for part in zip(*row.errors.values(), strict=True)]
    rates = [f"{100 * errors / count:.1f}" for errors, count in (*row.errors.values(), pooled)]
    heard = f"{100 * np.mean(row.right):.0f} %", f"{np.mean(row.probabilities):.2f}"
    return " | ".join(["| " + name, *rates, *heard]) + " |"


def main() -> None:
    """Print a table for every model that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="names or folders")
    parser.add_argument("--models", type=Path, default=Path("build/models"), dest="store", help="the model store")
    parser.add_argument("--audio", type=Path, required=True, help="folder of recordings with a MANIFEST.tsv")
    parser.add_argument("--contexts", nargs="+", default=CONTEXTS)
    options = parser.parse_args()
    heard = list(clips(options.audio))
    for name in options.models:
        found = Store(options.store).find(name)
        beginnings = sum(length <= len(sound) for clip in heard for sound in clip.utterances for length in BEGINNINGS)
        print(f"\n{found.name}: {sum(len(clip.utterances) for clip in heard)} utterances, {beginnings} beginnings")
        languages = dict.fromkeys(clip.language for clip in heard if clip.transcript)
        print(" | ".join(["| context", *languages, "all", "language is heard", "how surely"]) + " |")
        print("|---" * (len(languages) + 4) + "|", flush=True)
        for shown in options.contexts:
            print(_cells(shown, measure(found.path, shown, heard)), flush=True)


if __name__ == "__main__":
    main()

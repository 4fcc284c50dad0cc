"""What a model makes of clips that no adaptation has heard: the table of before and after.

Each clip is one window, decoded greedily by the recogniser of captions; neither guard nor pipeline is between. What
live captions see is not a clip but its beginning: clips are cut off as well, and all but the last word of that is
compared with the beginning of the whole clip's text. Words count without case and punctuation, and nothing else is
normalised: "forty two" is not "42".
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.adapt.library import Clip
from engine.records import Samples, Window
from engine.settings import CPU, EngineSettings
from engine.speech.certainty import plain
from engine.speech.loops import repeated
from engine.units import WINDOW_S, samples
from engine.whisper.cpu import CpuRecognizer
from engine.whisper.recognizer import Context

CUTS_S = (2.0, 3.5, 5.0)  # where clips are cut off, if at least a second more is said


MARGINS_S = (0.0, 0.5, 1.0, 2.0)  # of silence behind the sound


@dataclass(slots=True)
class Row:
    """What a model comes to in one context.

    Attributes:
        model: "before" or "after".
        context: How much it was shown.
        errors: Word errors of whole clips.
        words: Words that are said in them.
        loops: Texts that go round in circles, of cut clips and of sounds without speech as well.
        phantoms: Words written where nobody speaks.
        agreed: Of each clip that was cut off, whether all but its last word stands in the whole one's text.
        window_ms: CPU time of each window.
    """

    model: str
    context: str
    errors: int = 0
    words: int = 0
    loops: int = 0
    phantoms: int = 0
    agreed: list[bool] = field(default_factory=list)
    window_ms: list[float] = field(default_factory=list)

    @property
    def error_rate(self) -> float | None:
        """Word errors over words, in per cent; None where nothing is said."""
        return 100 * self.errors / self.words if self.words else None


def shown(margin_s: float) -> Context:
    """Return the context of a window with so much silence behind it, and nothing more."""
    return Context(f"+{margin_s:g} s", margin_s, least_s=0.0, filled=False, step_s=0.5, wide=False)


Hear = Callable[[Samples, str], Sequence[str]]  # sound and its language → words


def table(before: Path, after: Path, clips: Sequence[Clip]) -> Iterator[Row]:
    """Yield what a model was, padded and shown little, and what it has become, row by row.

    Args:
        before: Folder of the original.
        after: Folder of the adapted model.
        clips: That neither has been trained on.
    """
    yield measured("before", before, Context.PADDED, clips)
    yield measured("before", before, shown(1.0), clips)
    yield measured("after", after, Context.PADDED, clips)
    for margin_s in MARGINS_S:
        yield measured("after", after, shown(margin_s), clips)


def own_table(before: Path, after: Path, clips: Sequence[Clip]) -> Iterator[Row]:
    """Yield what a model was and has become for a person's own corrections, padded and shown little.

    Args:
        before: Folder of the original.
        after: Folder of the adapted model.
        clips: What a person has corrected, and neither has been trained on.
    """
    for model, folder in (("before", before), ("after", after)):
        for context in (Context.PADDED, shown(1.0)):
            row = measured(model, folder, context, clips)
            row.context += ", your corrections"
            yield row


def measured(model: str, folder: Path, context: Context, clips: Sequence[Clip]) -> Row:
    """Return what the model in a folder makes of clips, on the processor, in 8 bits and with one thread."""
    recognizer = CpuRecognizer(folder, context, EngineSettings(device=CPU, threads=1))
    known = recognizer.languages

    def hear(sound: Samples, language: str) -> list[str]:
        found = recognizer.recognize(Window(sound, 0, language=language if language in known else known[0]))
        return [word.text for word in found.words]

    name = "30 s" if context is Context.PADDED else context.name
    return judged(Row(model, name), hear, clips)


def judged(row: Row, hear: Hear, clips: Iterable[Clip]) -> Row:
    """Fill a row with what is heard in clips."""

    def heard(sound: Samples, language: str) -> Sequence[str]:
        began_s = time.process_time()
        words = hear(sound[: samples(WINDOW_S)], language)
        row.window_ms.append(1000 * (time.process_time() - began_s))
        row.loops += loops(words)
        return words

    for clip in clips:
        words = heard(clip.sound, clip.language)
        if not clip.text:
            row.phantoms += len(words)
            continue
        errors, said = word_errors(clip.text, "".join(words))
        row.errors, row.words = row.errors + errors, row.words + said
        for cut in map(samples, CUTS_S):
            if len(clip.sound) >= cut + samples(1):
                row.agreed.append(agrees(heard(clip.sound[:cut], clip.language), words))
    return row


def loops(words: Sequence[str]) -> bool:
    """Whether a text goes round in circles."""
    return bool(repeated([plain(word) for word in words]))


def agrees(beginning: Sequence[str], whole: Sequence[str]) -> bool:
    """Whether all but the last word of a beginning is how the whole begins, without case and punctuation."""
    found, rest = plain_words(" ".join(beginning[:-1])), plain_words(" ".join(whole))
    return found == rest[: len(found)]


def plain_words(text: str) -> list[str]:
    """Return the words of a text without case and punctuation; a hyphen parts words."""
    return [word for part in text.replace("-", " ").split() if (word := plain(part))]


def word_errors(reference: str, text: str) -> tuple[int, int]:
    """Return the fewest words to be changed, added or taken away, and the words of the reference (Levenshtein 1966)."""
    said, written = plain_words(reference), plain_words(text)
    costs = list(range(len(written) + 1))
    for row, word in enumerate(said, 1):
        above, costs[0] = costs[0], row
        for column, other in enumerate(written, 1):
            least = min(above + (word != other), costs[column] + 1, costs[column - 1] + 1)
            above, costs[column] = costs[column], least
    return costs[-1], len(said)

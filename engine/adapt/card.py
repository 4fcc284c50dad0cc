"""The model card: what the model is, what it was made of and how, and what was measured of it.

The head is YAML as the hub of models reads it (https://huggingface.co/docs/hub/model-cards).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.adapt.corrections import SOURCE
from engine.adapt.library import Credit
from engine.adapt.measure import Row

_COLUMNS = ("model, shown", "word errors", "loops", "words over none", "cut off: agrees", "CPU of a window")


_HOW = (
    "On the processor, int8, greedy, one thread. `30 s` is padded, `+1 s` the sound and 1 s of silence. Words count "
    "without case and punctuation, and nothing else is normalised. Loops: texts that go round in circles. Words over "
    "none: written where nobody speaks. Cut off: clips that end after a few seconds, whose words but the last begin "
    "the whole's."
)


@dataclass(frozen=True, slots=True)
class Base:
    """The model that was adapted.

    Attributes:
        name: As the person gave it.
        sha256: Of its `model.bin`.
        repository: On the hub; empty if it is not known.
        revision: The same.
        licence: SPDX identifier; empty if it is not known.
        english_only: Whether it knows no other language.
    """

    name: str
    sha256: str
    repository: str = ""
    revision: str = ""
    licence: str = ""
    english_only: bool = False


@dataclass(frozen=True, slots=True)
class Making:
    """How a model was made.

    Attributes:
        base: What it was made of.
        command: What makes it again.
        sources: What was heard.
        settings: Steps, seed and everything else that was chosen, by name.
        share: Of the new weights in the average.
        versions: Of the programs, by name.
        held_out: How many clips were measured, and the seconds of them.
        rows: The table.
    """

    base: Base
    command: str
    sources: Sequence[Credit]
    settings: Mapping[str, object]
    share: float
    versions: Mapping[str, str]
    held_out: tuple[int, float] = (0, 0.0)
    rows: Sequence[Row] = field(default=())


def card(name: str, making: Making) -> str:
    """Return the card of a model as Markdown.

    Args:
        name: Of the model.
        making: How it was made.
    """
    return "\n\n".join(["\n".join(_head(making.base)), f"# {name}", *_about(making), *_measured(making)]) + "\n"


def _head(base: Base) -> Iterator[str]:
    yield "---"
    yield f"license: {base.licence.lower() or 'other'}"
    yield f"language: {'en' if base.english_only else 'multilingual'}"
    if base.repository:
        yield f"base_model: {base.repository}"
    yield "library_name: ctranslate2"
    yield "pipeline_tag: automatic-speech-recognition"
    yield "tags: [audio, automatic-speech-recognition, whisper, faster-whisper, ctranslate2, streaming]"
    yield "---"


def _about(making: Making) -> Iterator[str]:
    base = making.base
    told = any(credit.source == SOURCE for credit in making.sources)
    words = "its user's corrections were, and else no transcript was used" if told else "no transcript was used"
    yield (
        f"Whisper {base.name}, made fit for live captions by `undertext adapt`: it may be shown the sound and half a "
        "second of silence, where the original wants 30 s. The encoder is the original's, the decoder was trained; the "
        f"original was its teacher, and {words}."
    )
    yield "`model.bin` is int8; a folder `float16/` beside it holds the same before it was rounded. Made again by:"
    yield f"    {making.command}"
    source = f"{base.repository} at {base.revision}" if base.repository else "a folder"
    yield _table(
        ("", ""),
        [
            ("base model", f"{base.name}, {source}"),
            ("SHA-256 of its model.bin", base.sha256),
            *((name, str(value)) for name, value in making.settings.items()),
            ("share of the new weights in the average", f"{making.share:g}"),
            *making.versions.items(),
        ],
    )
    yield "## What it heard"
    rows = [(each.source, each.kind.value, each.licence, each.credit, _length(each.hours)) for each in making.sources]
    yield _table(("source", "kind", "licence", "credit", "how much"), rows)
    yield (
        "Each item is made fresh of these: noise, rooms, narrow band, gain and codecs are laid over what the student "
        "hears, and not over what the teacher hears."
    )


def _measured(making: Making) -> Iterator[str]:
    if not making.rows:
        yield "Nothing was measured."
        return
    clips, length_s = making.held_out
    yield "## Before and after"
    yield f"Measured by the command itself on {clips} clips ({length_s / 60:.0f} min) that were held out. {_HOW}"
    yield _table(_COLUMNS, [_cells(row) for row in making.rows])


def _cells(row: Row) -> tuple[str, ...]:
    rate = "–" if row.error_rate is None else f"{row.error_rate:.1f} % of {row.words}"
    agreed = f"{100 * sum(row.agreed) / len(row.agreed):.0f} % of {len(row.agreed)}" if row.agreed else "–"
    window = f"{sorted(row.window_ms)[len(row.window_ms) // 2]:.0f} ms" if row.window_ms else "–"
    return f"{row.model}, {row.context}", rate, str(row.loops), str(row.phantoms), agreed, window


def _length(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.0f} min"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def noted(base: Base, settings: Mapping[str, object]) -> dict[str, object]:
    """Return what stands of it in `undertext.json`, for programs."""
    return {"adapted_from": {"model": base.name, "sha256": base.sha256}, "settings": dict(settings)}

"""A model that lies ready on this machine, and what can be read off its folder.

What the encoder must see is, in this order:

1. what `undertext.json` beside the weights says, `{"context": "short"}`, `"filled"` or `"padded"`;
2. what the catalog says, if the weights are a published model's;
3. short, if the folder's name ends in "-live";
4. padded, as every published Whisper.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelCorrupt
from engine.models.catalog import Model
from engine.models.checks import Trust
from engine.whisper.model_bin import read_index
from engine.whisper.recognizer import Context

NOTE = "undertext.json"
_ENGLISH_ONLY = 51_864  # tokens; a multilingual vocabulary has at least one more


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A checked model, ready to be loaded.

    Attributes:
        path: The directory to load.
        name: Of the catalog, or of the directory.
        model: Its entry in the catalog; None for a model that is not known there.
        context: What its encoder must see.
        english_only: Its vocabulary has no languages.
        trust: What its bytes were compared with.
        source: For people: where the bytes came from.
        refused: Sentences on what went wrong on the way here, such as places that were refused.
    """

    path: Path
    name: str
    model: Model | None
    context: Context
    english_only: bool
    trust: Trust
    source: str
    refused: tuple[str, ...] = ()

    @property
    def can_translate(self) -> bool:
        """Whether it may be asked for English of what is spoken in another language."""
        return not self.english_only and (self.model is None or self.model.can_translate)


def installed(path: Path, model: Model | None, trust: Trust, source: str) -> InstalledModel:
    """Describe the checked model in a directory.

    Raises:
        ModelCorrupt: The note or the weights' index cannot be read.
    """
    name = model.name if model else path.name
    return InstalledModel(path, name, model, _context(path, model), _english_only(path), trust, source)


def _context(path: Path, model: Model | None) -> Context:
    note = path / NOTE
    try:
        said = json.loads(note.read_bytes()).get("context") if note.exists() else None
        if said is not None:
            return Context.named(said)
    except (OSError, ValueError, AttributeError) as error:
        raise ModelCorrupt(
            f"{note} cannot be read: {error}",
            hint='It should be {"context": "short"}, or "filled", or "padded".',
        ) from error
    if model is not None:
        return model.context
    return Context.SHORT if path.resolve().name.endswith("-live") else Context.PADDED


def _english_only(path: Path) -> bool:
    try:
        with (path / "model.bin").open("rb") as file:
            return read_index(file).vocabulary <= _ENGLISH_ONLY
    except (OSError, ValueError) as error:
        raise ModelCorrupt(
            f"model.bin in {path} is damaged: {error}", hint="Convert or fetch the model again."
        ) from error

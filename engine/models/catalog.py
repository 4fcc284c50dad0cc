"""The models one can have: name, where they were published, languages, and the pins of every file.

The published facts stand in `assets/models/catalog.tsv`, one file of a model a line; an empty cell is unknown
and stays so. What the catalog lacks is recorded by the store at the first download.
"""

import csv
import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from engine.errors import ModelMissing
from engine.models.pins import Pin
from engine.whisper.recognizer import Context
from engine.whisper.tokenizer import LANGUAGES

# Beside the packages in a source tree, in site-packages and in a frozen app alike.
ASSETS = Path(__file__).parents[2] / "assets" / "models"
"""Where the table is, and the models that come with Undertext, each in a folder of its name."""

NEEDED = ("config.json", "model.bin", "tokenizer.json")
"""Files without which no model works; one of `vocabulary.txt` and `vocabulary.json` comes to them."""

KNOWN_FILES = (*NEEDED, "vocabulary.txt", "vocabulary.json", "preprocessor_config.json")
"""Every file that a model's folder may bring along; nothing else is taken from anywhere."""


@dataclass(frozen=True, slots=True)
class Model:
    """A published model.

    Attributes:
        name: As the person writes it.
        repository: Owner and name on the hub; empty for a model that comes with Undertext.
        revision: 40 hex digits, or None where no one revision is known.
        licence: SPDX identifier of the weights.
        files: The pins, as far as published.
        context: What its encoder must see.
    """

    name: str
    repository: str
    revision: str | None
    licence: str
    files: tuple[Pin, ...]
    context: Context = Context.PADDED

    @property
    def is_built_in(self) -> bool:
        """Whether it comes with Undertext, and from nowhere else."""
        return not self.repository

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes of the languages it writes."""
        if self.name.removesuffix("-live").endswith(".en") or self.name.startswith("distil-"):
            return ("en",)
        if self.name.startswith("large-v3"):
            return LANGUAGES
        return tuple(code for code in LANGUAGES if code != "yue")

    @property
    def can_translate(self) -> bool:
        """Whether it was trained to translate into English; the turbo and the distilled ones were not."""
        return len(self.languages) > 1 and not self.name.endswith("turbo")

    @property
    def complete(self) -> bool:
        """Whether names of all needed files are known and where to have them, though not every checksum need be."""
        return (self.revision is not None or self.is_built_in) and lacking(pin.name for pin in self.files) == ()

    @property
    def bytes(self) -> int | None:
        """Size of the published weights, if known."""
        return next((pin.bytes for pin in self.files if pin.name == "model.bin"), None)


class Catalog(Mapping[str, Model]):
    """Models by name, read from a table when the first one is asked for.

    Args:
        table: Tab-separated: model, repository, revision, licence, context, file, bytes, sha256, git_blob.
    """

    def __init__(self, table: Path = ASSETS / "catalog.tsv") -> None:
        self._table = table

    @cached_property
    def _models(self) -> dict[str, Model]:
        with self._table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        return {name: _model(list(group)) for name, group in groupby(rows, key=itemgetter("model"))}

    def __getitem__(self, name: str) -> Model:
        return self._models[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)


CATALOG: Mapping[str, Model] = Catalog()


def named(name: str, catalog: Mapping[str, Model] = CATALOG) -> Model:
    """Return the model of a name.

    Raises:
        ModelMissing: There is none; the hint has the nearest names.
    """
    if name in catalog:
        return catalog[name]
    near = difflib.get_close_matches(name, catalog, n=3, cutoff=0.5) or list(catalog)
    raise ModelMissing(f"there is no model named {name!r}", hint=f"Choose {', '.join(near)}, or give a model's folder.")


def lacking(names: Iterable[str]) -> tuple[str, ...]:
    """Return the needed files that are not among the names; a vocabulary may be text or JSON."""
    have = set(names)
    missing = tuple(name for name in NEEDED if name not in have)
    return missing if have & {"vocabulary.txt", "vocabulary.json"} else (*missing, "vocabulary.txt")


def _model(rows: list[dict[str, str]]) -> Model:
    head = rows[0]
    pins = tuple(
        Pin(row["file"], int(row["bytes"] or 0) or None, row["sha256"] or None, row["git_blob"] or None) for row in rows
    )
    return Model(
        head["model"],
        head["repository"],
        head["revision"] or None,
        head["licence"],
        pins,
        Context.named(head["context"]),
    )

"""Whether the files of a place are the model they should be; nothing is loaded unasked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from engine.errors import ModelCorrupt
from engine.models.pins import Measure, Parts, Pin, measure
from engine.models.places import Place
from engine.whisper.model_bin import joined, read_index


class Trust(Enum):
    """What the bytes of a model were compared with, the weakest of its files counting.

    PUBLISHED: checksums of the catalog. RECORDED: what the first download brought. UNKNOWN: nothing; the
    files are readable, no more is known of them.
    """

    PUBLISHED = "published"
    RECORDED = "recorded"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a place was found to hold.

    Attributes:
        measures: By file name.
        trust: What they were compared with.
    """

    measures: Mapping[str, Measure]
    trust: Trust


def measured(place: Place) -> dict[str, Measure]:
    """Hash every file of a place.

    Raises:
        ModelCorrupt: A file cannot be read.
    """
    found = {}
    for name, parts in place.files.items():
        try:
            found[name] = measure(name, parts)
        except OSError as error:
            raise ModelCorrupt(f"{name} in {place.label} cannot be read: {error.strerror}") from error
    return found


def checked(
    place: Place,
    pins: Mapping[str, Pin],
    published: Mapping[str, Pin],
    found: Mapping[str, Measure] | None = None,
) -> Checked:
    """Compare the files of a place with their pins; those without any must at least be readable.

    Args:
        place: Where they lie; only files that have an entry in `pins` should be among them.
        pins: What is known, from the catalog and the record.
        published: What the catalog alone knows.
        found: The files' measures, if they were taken already.

    Raises:
        ModelCorrupt: Names the first file that is not what it should be.
    """
    found = measured(place) if found is None else found
    trust = Trust.PUBLISHED
    for name, parts in place.files.items():
        pin = pins.get(name, Pin(name))
        if not pin.holds(found[name]):
            raise ModelCorrupt(
                f"{name} in {place.label} is not the published file: {_difference(pin, found[name])}",
                hint="It is damaged or another version; remove it, or fetch the model again.",
            )
        if not published.get(name, Pin(name)).known:
            trust = Trust.RECORDED if pin.known and trust is not Trust.UNKNOWN else Trust.UNKNOWN
        if not pin.known:
            _refuse_unreadable(name, parts, place)
    return Checked(found, trust)


def _difference(pin: Pin, found: Measure) -> str:
    if pin.bytes not in (None, found.bytes):
        return f"it has {found.bytes} bytes, not {pin.bytes}"
    if pin.sha256 not in (None, found.sha256):
        return f"its SHA-256 is {found.sha256}"
    return f"its git id is {found.git_blob}"


def _refuse_unreadable(name: str, parts: Parts, place: Place) -> None:
    try:
        with joined(parts) as file:
            if name == "model.bin":
                read_index(file)
            elif name.endswith(".json"):
                _refuse_empty(json.load(file))
            else:
                _refuse_empty(file.read().decode().strip())
    except (ValueError, RecursionError) as error:
        raise ModelCorrupt(
            f"{name} in {place.label} is damaged: {error}", hint="Convert or fetch the model again."
        ) from error


def _refuse_empty(content: object) -> None:
    if not content or not isinstance(content, str | list | dict):
        raise ValueError("it is empty")

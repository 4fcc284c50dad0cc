"""What the user chose: typed, ranged records, and their way to JSON and back.

Reading never fails: a value that cannot be used gives way to its default and is told. What a newer version
wrote and this one does not know is kept, and written back as it was.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from engine.errors import SettingsError
from engine.settings import TASKS
from engine.vocabulary import check_terms

VERSION = 1
FONT_PT = (10, 96)
LINE_COUNT = (1, 4)
_FAR = 1 << 20  # no screen lies farther away, in pixels
_LONGEST = 1024
_MOST_PLACES = 64

_Record = TypeVar("_Record", bound="_Section")


def _between(default: float, low: float, high: float) -> Any:
    return field(default=default, metadata={"range": (low, high)})


def _one_of(*choices: str) -> Any:
    return field(default=choices[0], metadata={"choices": choices})


def _places() -> Any:
    return field(default_factory=dict, metadata={"of": Place})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """A record whose fields are checked: the type is the default's, range and choices are in the metadata.

    Attributes:
        unknown: What stood in the file under names that this version does not know.
    """

    unknown: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for spec in dataclasses.fields(self):
            if fault := _fault(spec, getattr(self, spec.name)):
                raise SettingsError(f"{type(self).__name__}.{spec.name} {fault}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(_Section):
    """Where a window stands on the desktop, in device-independent pixels."""

    x: int = _between(0, -_FAR, _FAR)
    y: int = _between(0, -_FAR, _FAR)
    width: int = _between(400, 1, _FAR)
    height: int = _between(200, 1, _FAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlaySettings(_Section):
    """How the captions look and behave.

    Attributes:
        visible: They are shown.
        click_through: The mouse reaches what lies below.
        font_family: Empty for the system's own.
        font_pt: Size in points.
        line_count: Lines seen at once.
        hold_s: How long finished words stay.
        opacity: Of the background of a line; from 0.8 on all text has 7:1 over white.
        above_full_screen: On X11, go round the window manager, which may put full-screen windows above.
        hidden_from_capture: Left out of screen sharing, where the system can.
        places: Position and width per set of screens.
    """

    visible: bool = True
    click_through: bool = False
    font_family: str = ""
    font_pt: int = _between(24, *FONT_PT)
    line_count: int = _between(2, *LINE_COUNT)
    hold_s: float = _between(4.0, 1.0, 60.0)
    opacity: float = _between(0.84, 0.8, 1.0)
    above_full_screen: bool = True
    hidden_from_capture: bool = False
    places: Mapping[str, Place] = _places()


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSettings(_Section):
    """Where the windows stand, per set of screens."""

    controls: Mapping[str, Place] = _places()
    transcript: Mapping[str, Place] = _places()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings(_Section):
    """What is listened to, named as `desktop.capture.devices` names it."""

    spec: str = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice(_Section):
    """What listens.

    Attributes:
        model: Empty for the best there is.
        language: ISO 639-1 code of what is spoken, or "auto".
        task: Whether it is written as it is said, or in English.
        vocabulary: Names and terms that may come up.
        device: Where it is computed.
    """

    model: str = ""
    language: str = "auto"
    task: str = _one_of(*TASKS)
    vocabulary: tuple[str, ...] = ()
    device: str = _one_of("auto", "cpu", "cuda")


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptSettings(_Section):
    """What is kept of a session.

    Attributes:
        keep_sound: What was heard as well, beside the words.
    """

    keep_sound: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSettings(_Section):
    """Whether the publisher is asked for a newer version, and what came of it.

    Attributes:
        look: Ask once a day. Unless a person switches it on, nobody is asked.
        asked_at: When somebody was asked last, in seconds since 1970.
        newest: The version that was answered; empty if none was.
        dismissed: The version of which the person wants to hear no more.
    """

    look: bool = False
    asked_at: int = _between(0, 0, 1 << 40)
    newest: str = ""
    dismissed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettings(_Section):
    """All of it."""

    overlay: OverlaySettings = field(default_factory=OverlaySettings)
    window: WindowSettings = field(default_factory=WindowSettings)
    source: SourceSettings = field(default_factory=SourceSettings)
    engine: EngineChoice = field(default_factory=EngineChoice)
    transcripts: TranscriptSettings = field(default_factory=TranscriptSettings)
    updates: UpdateSettings = field(default_factory=UpdateSettings)


def to_json(section: _Section) -> dict[str, Any]:
    """Return a section as what `json` can write."""
    known = {spec.name: getattr(section, spec.name) for spec in dataclasses.fields(section)}
    unknown = known.pop("unknown")
    return {**unknown, **{name: _plain(value) for name, value in known.items()}}


def from_json(record: type[_Record], data: object) -> tuple[_Record, list[str]]:
    """Return the section that `data` describes, and the names of the values that had to be replaced."""
    faults: list[str] = []
    return _read(record, data, record.__name__, faults), faults


def remembered(places: Mapping[str, Place], screens: str, place: Place) -> dict[str, Place]:
    """Return the places with one more for a set of screens; the oldest go when there are too many."""
    others = [(key, value) for key, value in places.items() if key != screens]
    return {**dict(others[1 - _MOST_PLACES :]), screens: place}


def _plain(value: Any) -> Any:
    if isinstance(value, _Section):
        return to_json(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _read(record: type[_Record], data: object, name: str, faults: list[str]) -> _Record:
    if not isinstance(data, dict):
        faults.append(name)
        return record()
    specs = {spec.name: spec for spec in dataclasses.fields(record) if spec.name != "unknown"}
    values: dict[str, Any] = {"unknown": {key: data[key] for key in data if key not in specs}}
    for key in specs.keys() & data.keys():
        value = _read_value(specs[key], data[key], f"{name}.{key}", faults)
        if _fault(specs[key], value):
            faults.append(f"{name}.{key}")
        else:
            values[key] = value
    return record(**values)


def _read_value(spec: Any, raw: Any, name: str, faults: list[str]) -> Any:
    place = spec.metadata.get("of")
    if place is not None:
        items = list(raw.items())[-_MOST_PLACES:] if isinstance(raw, dict) else []
        return {key: _read(place, item, f"{name}[{key[:80]}]", faults) for key, item in items}
    if isinstance(spec.default_factory, type) and issubclass(spec.default_factory, _Section):
        return _read(spec.default_factory, raw, name, faults)
    if isinstance(spec.default, tuple) and isinstance(raw, list):
        return tuple(raw)
    return float(raw) if isinstance(spec.default, float) and _is_small_int(raw) else raw


def _is_small_int(value: object) -> bool:
    return type(value) is int and abs(value) < _FAR


def _fault(spec: Any, value: Any) -> str:
    """Return what is wrong with a field's value, or nothing."""
    default = spec.default_factory() if spec.default is dataclasses.MISSING else spec.default
    if type(value) is not type(default):
        return f"must be {type(default).__name__}, not {type(value).__name__}"
    low, high = spec.metadata.get("range", (-math.inf, math.inf))
    if isinstance(value, int | float) and not low <= value <= high:
        return f"must be between {low} and {high}"
    if isinstance(value, tuple):
        return _terms_fault(value)
    if isinstance(value, str) and len(value) > _LONGEST:
        return f"must be at most {_LONGEST} characters"
    choices = spec.metadata.get("choices", (value,))
    return "" if value in choices else f"must be one of {', '.join(choices)}"


def _terms_fault(terms: tuple[Any, ...]) -> str:
    if not all(isinstance(term, str) for term in terms):
        return "must be texts"
    try:
        check_terms(terms)
    except SettingsError as error:
        return f"cannot be used: {error}"
    return ""

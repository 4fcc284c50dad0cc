"""The hub that models are published on: its addresses, and which files of a model to fetch from there."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from engine.errors import DownloadFailed
from engine.models.catalog import KNOWN_FILES, Model, lacking
from engine.models.download import Patience, Progress, fetch, get
from engine.models.pins import Pin
from engine.models.places import Place

HUB = "https://huggingface.co"


def fetched(
    hub: str,
    model: Model,
    revision: str | None,
    pins: Mapping[str, Pin],
    *,
    folder: Path,
    progress: Progress,
    patience: Patience | None = None,
) -> Place:
    """Fetch a model's files, going on where an earlier try ended.

    Args:
        hub: Its address.
        model: Of the catalog.
        revision: From catalog or record, if either knows it.
        pins: Of every file that there is or may be.
        folder: For the files; the revision names a folder inside, so that two never mix.
        progress: Told of every block.
        patience: How long to wait.

    Raises:
        DownloadFailed: The hub or the disk failed; what came is kept.
        ModelCorrupt: A file is not the published one.
        OSError: The folder cannot be created.
    """
    if revision is None or not (model.complete or all(pin.known for pin in pins.values())):
        revision, names = _listed(hub, model, revision, patience)
        pins = {name: pins[name] for name in names}
    inside = folder / revision
    inside.mkdir(parents=True, exist_ok=True, mode=0o700)
    for pin in pins.values():
        url = f"{hub}/{model.repository}/resolve/{revision}/{pin.name}"
        fetch(url, pin, inside / pin.name, progress, patience)
    return Place(hub, {name: (inside / name,) for name in pins}, revision)


def _listed(hub: str, model: Model, revision: str | None, patience: Patience | None) -> tuple[str, tuple[str, ...]]:
    """Ask the hub for the revision it has now, or for the files of a known one."""
    url = f"{hub}/api/models/{model.repository}/revision/{revision or 'main'}"
    try:
        answer = json.loads(get(url, patience))
        told, names = str(answer["sha"]), {str(file["rfilename"]) for file in answer["siblings"]}
    except (ValueError, LookupError, TypeError) as error:
        raise DownloadFailed(f"{url} does not list the model's files", hint="Try again later.") from error
    if not re.fullmatch(r"[0-9a-f]{40}", told) or revision not in (None, told) or lacking(names):
        raise DownloadFailed(f"{url} does not list the model's files", hint="Choose another model.")
    return told, tuple(name for name in KNOWN_FILES if name in names)

"""The folder that an adaptation leaves: `model.bin` in 8 bits, and in `float16/` the same before it was rounded.

Its weights are averaged with the original's (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"): what is
learned of short windows stays, and what was forgotten of everything else comes back. The folder is complete or not
there.
"""

import glob
import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from engine.errors import SettingsError
from engine.models.catalog import KNOWN_FILES
from engine.models.disk import new_folder, put_folder
from engine.models.installed import NOTE
from engine.models.quantise import quantise
from engine.whisper.model_bin import DTYPES, Variable, beginning, ending, exactly, header, read_index

SHARE = 0.8  # of the new weights; the original's have the rest
CARD = "README.md"
FLOAT16 = "float16"  # the folder inside
_MARK = "adapted_from"  # in the note: what has it was written here, and may be replaced
_HALF = DTYPES.index(np.float16)

Weights = Mapping[str, NDArray[np.float32]]


def refuse_foreign(target: Path) -> None:
    """See that a folder may be written.

    Raises:
        SettingsError: Something is there that no adaptation has left, or nothing can be written.
    """
    if target.is_dir():
        if any(target.iterdir()) and not _is_ours(target):
            raise SettingsError(f"{target} holds something else", hint="Let --out name a new folder.")
    elif target.exists() or target.is_symlink():
        raise SettingsError(f"{target} is no folder", hint="Let --out name a new folder.")
    try:
        with new_folder(target.parent, target.name):
            pass
    except OSError as error:
        raise SettingsError(
            f"{target.parent} cannot be written: {error.strerror}", hint="Let --out name another folder."
        ) from error


def save(
    original: Path,
    weights: Weights,
    target: Path,
    note: Mapping[str, Any],
    *,
    describe: Callable[[Path], str],
    share: float = SHARE,
) -> None:
    """Write the folder of an adapted model; a former one in its place is deleted.

    Args:
        original: Folder with the float model that was adapted.
        weights: What was trained, by CTranslate2's names.
        target: The folder; see `refuse_foreign`.
        note: What other programs may want to know, for `undertext.json`.
        describe: Returns the card; it is given the folder before it is moved to its place, so that it can be measured.
        share: Of the new weights.

    Raises:
        OSError: It cannot be written; nothing is left of it.
        ValueError: The weights are not those of the original.
    """
    _sweep(target)
    with new_folder(target.parent, target.name) as fresh:
        whole = fresh / FLOAT16
        whole.mkdir()
        for folder in (whole, fresh):
            _accompany(original, folder, note)
        with (original / "model.bin").open("rb") as source, (whole / "model.bin").open("xb") as file:
            write_float16(source, weights, file, share)
        with (whole / "model.bin").open("rb") as source, (fresh / "model.bin").open("xb") as file:
            quantise(source, file)
        (fresh / CARD).write_text(describe(fresh), encoding="utf-8")
        fresh.chmod(0o755)  # made private; what is inside goes by the umask
        put_folder(fresh, target)


def write_float16(source: BinaryIO, weights: Weights, target: BinaryIO, share: float = SHARE) -> None:
    """Write a model with other weights, as float16.

    Args:
        source: `model.bin` of the original, float32 or float16.
        weights: What replaces the original's, by name; what is not among them stays.
        target: Empty.
        share: Of the new weights in the average.

    Raises:
        ValueError: There is a weight that the original lacks, or has in another shape.
    """
    index = read_index(source)
    known = {variable.name: variable.shape for variable in index.variables}
    for name, value in weights.items():
        if known.get(name) != value.shape:
            raise ValueError(f"the original has no {name} of {list(value.shape)}")
    target.write(beginning(index.revision, len(index.variables)))
    for variable in index.variables:
        source.seek(variable.offset)
        content = exactly(source, variable.bytes)
        type_id = variable.type_id
        if DTYPES[type_id] in {np.float32, np.float16} and variable.shape:
            content, type_id = _averaged(variable, content, weights.get(variable.name), share), _HALF
        target.write(header(variable.name, variable.shape, type_id, len(content)) + content)
    target.write(ending(index.aliases))


def _averaged(variable: Variable, content: bytes, new: NDArray[np.float32] | None, share: float) -> bytes:
    old = np.frombuffer(content, DTYPES[variable.type_id]).reshape(variable.shape)
    if new is None:
        return old.astype(np.float16).tobytes()
    return (share * new + (1 - share) * old.astype(np.float32)).astype(np.float16).tobytes()


def _accompany(original: Path, folder: Path, note: Mapping[str, Any]) -> None:
    for name in KNOWN_FILES:
        if name != "model.bin":
            with suppress(FileNotFoundError):
                shutil.copyfile(original / name, folder / name)
    (folder / NOTE).write_text(json.dumps({"context": "short", **note}, indent=1), encoding="utf-8")


def _sweep(target: Path) -> None:
    """Delete what a process that was killed has left half written beside the folder."""
    for path in target.parent.glob(f".{glob.escape(target.name)}-*"):
        if _is_ours(path):
            shutil.rmtree(path, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    try:
        return _MARK in json.loads((folder / NOTE).read_bytes())
    except (OSError, ValueError, TypeError):
        return False

"""The model that is adapted: float weights, in one folder, every byte checked.

What Undertext keeps ready for captions is in 8 bits, and what was rounded away is wanted here: the published files are
looked for where they came from.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import ModelCorrupt, ModelMissing, SettingsError
from engine.models.catalog import Model
from engine.models.checks import measured
from engine.models.disk import new_folder, put_folder
from engine.models.installed import InstalledModel
from engine.models.places import Place, folder
from engine.models.store import Store
from engine.whisper.model_bin import DTYPES, joined, read_index


@dataclass(frozen=True, slots=True)
class FloatModel:
    """A float model.

    Attributes:
        installed: Folder, name and entry in the catalog.
        sha256: Of its weights.
    """

    installed: InstalledModel
    sha256: str

    @property
    def folder(self) -> Path:
        """Where its files lie, each in one piece."""
        return self.installed.path

    @property
    def name(self) -> str:
        """Of the catalog, or of the folder."""
        return self.installed.name

    @property
    def model(self) -> Model | None:
        """Its entry in the catalog."""
        return self.installed.model


def find_float_model(wanted: str, store: Store, work: Path) -> FloatModel:
    """Return a float model that is on this machine.

    Args:
        wanted: A name of the catalog, of a folder in the store's folders, or a directory.
        store: The models of this machine.
        work: A folder in which a model that comes in parts is put together; made when it is needed.

    Raises:
        ModelMissing: It is not here, or only in 8 bits.
        ModelCorrupt: It is here, and damaged.
        SettingsError: It was made for short windows already.
        OSError: Parts cannot be put together.
    """
    found = store.find(wanted)  # says what is wrong with a name
    if found.context.name == "short":
        raise SettingsError(
            f"{found.name} is made for short windows already", hint="Name the model that it was made of."
        )
    if found.model is None:
        return _given(found)
    refused = []
    for copy in store.copies(found.model.name):
        try:
            if isinstance(copy.place, Place) and _is_float(copy.place):
                store.check(copy)
                path = copy.place.directory or _together(copy.place, work / found.name)
                return _given(store.find(path))
        except ModelCorrupt as error:
            refused.append(error.sentence)
    if _is_float(folder(found.path)):  # a directory of the person's own, with published weights
        return _given(found)
    if refused:
        raise ModelCorrupt(f"the float weights of {found.name} are damaged: {' '.join(refused)}")
    raise in_8_bits(found.name)


def in_8_bits(name: str) -> ModelMissing:
    """Return the error that says how to get float weights."""
    return ModelMissing(
        f"{name} is here in 8 bits only, and what was rounded away is wanted",
        hint=f"Fetch the published weights with 'undertext models get {name} --whole', or name a folder with float16.",
    )


def _given(found: InstalledModel) -> FloatModel:
    place = folder(found.path)
    if not _is_float(place):
        raise in_8_bits(found.name)
    return FloatModel(found, measured(place)["model.bin"].sha256)


def _together(place: Place, target: Path) -> Path:
    """Copy a model whose files lie in parts; what an earlier run put together is taken if it is the same."""
    if folder(target).files.keys() == place.files.keys() and measured(folder(target)) == measured(place):
        return target
    with new_folder(target.parent, target.name) as fresh:
        for name, parts in place.files.items():
            with joined(parts) as source, (fresh / name).open("xb") as file:
                shutil.copyfileobj(source, file)
        put_folder(fresh, target)
    return target


def _is_float(place: Place) -> bool:
    try:
        with joined(place.files["model.bin"]) as file:
            index = read_index(file)
    except (OSError, ValueError) as error:
        raise ModelCorrupt(
            f"model.bin in {place.label} cannot be read: {error}", hint="Fetch the model again."
        ) from error
    kept = {each.type_id for each in index.variables if each.name.endswith("/weight")}
    return kept <= {DTYPES.index(np.float32), DTYPES.index(np.float16)}

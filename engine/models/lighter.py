"""Which models of this machine could step in for one that is too slow.

What an update costs goes with the number of weights, and with how much sound the encoder must be shown.
"""

from collections.abc import Iterator
from math import prod
from pathlib import Path

from engine.errors import ModelCorrupt
from engine.models.catalog import CATALOG, Model
from engine.models.checks import Trust
from engine.models.installed import InstalledModel, installed
from engine.models.store import Store
from engine.units import WINDOW_S
from engine.whisper.model_bin import read_index
from engine.whisper.recognizer import Context

CLEARLY = 0.6  # of the cost, at most: base to tiny is half, and less than that is not worth a change of voice
UNPADDED = 0.4  # of what the same model costs padded to 30 s, at most (README)


def lighter_names(chosen: InstalledModel, store: Store, *, english: bool) -> list[str]:
    """Return the names of the models here that cost clearly less than the chosen one, the dearest first.

    Args:
        chosen: What is too slow.
        store: The models of this machine; nothing of them is checked here.
        english: English is all that is to be written, so that a model that knows nothing else will do.

    Raises:
        ModelCorrupt: The chosen one's weights cannot be read.
    """
    limit = CLEARLY * _cost(_weights(chosen.path), chosen.context)
    costs = (*_published(store, english=english), *_own(store, english=english))
    # Of two of one size, the one that knows English only knows it better.
    dearest = sorted(costs, key=lambda each: (round(each[0], -6), each[1].endswith(".en"), each[0]), reverse=True)
    return [name for cost, name in dearest if cost <= limit]


def _published(store: Store, *, english: bool) -> Iterator[tuple[float, str]]:
    for name, model in CATALOG.items():
        if model.bytes and _will_do(model, english=english) and any(True for _ in store.copies(name)):
            bytes_each = 1 if model.is_built_in else 2  # int8; published as float16
            yield _cost(model.bytes // bytes_each, model.context), name


def _own(store: Store, *, english: bool) -> Iterator[tuple[float, str]]:
    for path in store.own():
        try:
            model = installed(path, None, Trust.UNKNOWN, "")
            if english or not model.english_only:
                yield _cost(_weights(path), model.context), path.name
        except ModelCorrupt:
            continue  # whoever asks for it is told


def _will_do(model: Model, *, english: bool) -> bool:
    return english or len(model.languages) > 1


def _cost(weights: int, context: Context) -> float:
    return weights * (UNPADDED if context.least_s < WINDOW_S else 1.0)


def _weights(path: Path) -> int:
    try:
        with (path / "model.bin").open("rb") as file:
            return sum(prod(variable.shape) for variable in read_index(file).variables)
    except (OSError, ValueError) as error:
        raise ModelCorrupt(f"model.bin in {path} is damaged: {error}", hint="Fetch the model again.") from error

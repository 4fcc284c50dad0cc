"""What an adaptation has come to, on disk: killed at any moment, it goes on from the last whole state.

    state.json               what is being adapted, how far it is, and the file of the tensors with its SHA-256
    000120.safetensors       the tensors after 120 steps
    lock                     held by the process that computes

The tensors are written under a new name and are on the disk before `state.json`, which is replaced at once, names them:
there is never a moment without a whole state.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.errors import AdaptationError
from engine.models.disk import exclusive, private_folder, write_whole
from engine.models.pins import measure

_STATE, _TENSORS = "state.json", "{:06}.safetensors"
_OURS = re.compile(r"\d{6,}\.(safetensors|part)")


@dataclass(frozen=True, slots=True)
class State:
    """How far an adaptation is.

    Attributes:
        step: Steps that are done.
        spent_s: Seconds they took, over all runs.
        tensors: Weights, moments …, by name.
        numbers: What else the training keeps.
    """

    step: int
    spent_s: float
    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, float]


class Work:
    """The folder in which an adaptation is kept while it is on its way.

    Args:
        folder: Created when it is needed.
        identity: What the result hangs on, as JSON can say it; a state of another identity is not used.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self.folder = folder
        self._identity = json.loads(json.dumps(identity))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes out for the length of a block.

        Raises:
            AdaptationError: Another one is at work there, or nothing can be written.
        """
        try:
            private_folder(self.folder)
            with exclusive(self.folder / "lock") as free:
                if not free:
                    raise AdaptationError(
                        f"another process is adapting in {self.folder}",
                        hint="Wait for it, or name another folder with --keep-going.",
                    )
                yield
        except OSError as error:
            raise AdaptationError(
                f"{self.folder} cannot be used: {error.strerror or error}",
                hint="Free space there, or name another folder with --keep-going.",
            ) from error

    def load(self) -> State | None:
        """Return the last state; None where there is none.

        Raises:
            AdaptationError: It is damaged, or one of another adaptation.
        """
        path = self.folder / _STATE
        if not path.exists():
            return None
        try:
            content = json.loads(path.read_bytes())
            identity, step, spent_s = dict(content["identity"]), int(content["step"]), float(content["spent_s"])
            numbers, tensors = dict(content["numbers"]), self.folder / str(content["tensors"])
            whole = measure(tensors.name, (tensors,)).sha256 == content["sha256"]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise self._refused("is damaged") from error
        if not whole:
            raise self._refused("is damaged")
        if identity != self._identity:
            keys = sorted(identity.keys() | self._identity.keys())
            other = [key for key in keys if identity.get(key) != self._identity.get(key)]
            raise self._refused(f"is of another adaptation: {' and '.join(other)} differ")
        return State(step, spent_s, load_file(tensors), numbers)

    def keep(self, state: State) -> None:
        """Replace the last state.

        Raises:
            OSError: It cannot be written; the last one stands.
        """
        path = self.folder / _TENSORS.format(state.step)
        fresh = path.with_suffix(".part")
        try:
            save_file(dict(state.tensors), fresh)
            with fresh.open("rb+") as file:
                os.fsync(file.fileno())
            fresh.replace(path)
        except Exception as error:
            fresh.unlink(missing_ok=True)
            if isinstance(error, SafetensorError):  # what its own writer makes of a full disk
                raise OSError(str(error)) from error
            raise
        content = {
            "identity": self._identity,
            "step": state.step,
            "spent_s": state.spent_s,
            "numbers": dict(state.numbers),
            "tensors": path.name,
            "sha256": measure(path.name, (path,)).sha256,
        }
        write_whole(self.folder / _STATE, json.dumps(content, indent=1).encode())
        self._sweep(path.name)

    def clear(self) -> None:
        """Delete the state: what it led to is written."""
        (self.folder / _STATE).unlink(missing_ok=True)
        self._sweep("")

    def _sweep(self, kept: str) -> None:
        for path in self.folder.iterdir():  # the folder may be a person's own, with files of theirs
            if _OURS.fullmatch(path.name) and path.name != kept:
                path.unlink()

    def _refused(self, what: str) -> AdaptationError:
        return AdaptationError(
            f"the state in {self.folder} {what}",
            hint="Delete that folder to begin anew, or name another with --keep-going.",
        )


class Followed(Work):
    """The folder as all but the first of several processes see it: they go on from its state, and keep none."""

    def keep(self, state: State) -> None:
        """Leave that to the first."""

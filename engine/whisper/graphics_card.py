"""The graphics card as the engine sees it: one that can be computed on, or what stands in the way and its mend.

On a machine without an NVIDIA graphics card nothing of the GPU's engine is imported, nor torch.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from engine.errors import CudaUnavailable, EngineError
from engine.installing import is_frozen, mend_torch
from engine.pack.installed import PACK, Pack
from engine.settings import EngineSettings
from engine.whisper.batch import BatchRecognizer
from engine.whisper.driver import Driver
from engine.whisper.ladder import GRAPHICS_CARD, LOST, Lost
from engine.whisper.recognizer import Context, Recognizer
from engine.whisper.selftest import Clip

_OTHER_BUILD = "Install a build of PyTorch for CUDA and this card: pytorch.org tells which."

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the graphics card cannot be used.

    Attributes:
        sentence: Without its full stop.
        mend: What to do about it, one sentence; empty where nothing can be done.
    """

    sentence: str
    mend: str = ""


class Gpu(Protocol):
    """A graphics card that can be computed on.

    Attributes:
        name: As its maker calls it.
    """

    name: str

    def free_bytes(self) -> int:
        """Return how much memory can still be had, what other programs use aside."""
        ...

    def fits(self, folder: Path, context: Context, settings: EngineSettings, *, eight_bits: bool) -> bool:
        """Tell whether a model finds room, with what other programs need left to them."""
        ...

    def load(
        self, folder: Path, context: Context, settings: EngineSettings, *, eight_bits: bool, clip: Clip | None
    ) -> Recognizer:
        """Return a recogniser that is loaded, warm and tested.

        Args:
            folder: Of the model.
            context: What its encoder needs to see.
            settings: As for every recogniser.
            eight_bits: Weights are kept in 8 bits, half the memory.
            clip: Known speech to be tested with.

        Raises:
            OutOfMemory: It found no room after all.
            CudaUnavailable: The card fails, or computes wrongly.
            ModelError: The folder holds no usable model.
        """
        ...

    def slots(self, folder: Path, context: Context, settings: EngineSettings, *, eight_bits: bool) -> int:
        """Return how many windows of recordings find room side by side; 0 where not even one does."""
        ...

    def load_batch(
        self,
        folder: Path,
        context: Context,
        settings: EngineSettings,
        *,
        eight_bits: bool,
        slots: int,
        clip: Clip | None,
    ) -> BatchRecognizer:
        """Return a recogniser of whole recordings that is loaded and tested, for so many windows side by side.

        Raises:
            OutOfMemory: It found no room after all.
            CudaUnavailable: The card fails, or computes wrongly.
            ModelError: The folder holds no usable model.
        """
        ...

    def check_numbers(self, folder: Path) -> dict[str, float]:
        """Return by what share the results of a model's first layers differ from the processor's, by what they are.

        Raises:
            CudaUnavailable: By too much.
        """
        ...


def find_gpu(driver: Driver | None, lost: Lost = LOST, pack: Pack = PACK) -> Gpu | Obstacle:
    """Return the graphics card, or why there is none to compute on. Imports torch only where there is a card.

    Args:
        driver: As `find_driver` has it.
        lost: What has failed in this process.
        pack: Where a packaged program has its torch from.
    """
    obstacle = _seen(driver) or _lost(lost) or _brought(pack) or _installed() or _started()
    if obstacle is not None:
        return obstacle
    from engine.whisper.cuda.loading import graphics_card  # noqa: PLC0415  # imports torch

    try:
        return graphics_card()
    except CudaUnavailable as error:
        return Obstacle(str(error), error.hint)


def find_gpus(driver: Driver | None, lost: Lost = LOST) -> Sequence[Gpu] | Obstacle:
    """Return all graphics cards that can be computed on, or why there is none; see `find_gpu`."""
    first = find_gpu(driver, lost)
    if isinstance(first, Obstacle) or driver is None:
        return first if isinstance(first, Obstacle) else [first]
    from engine.whisper.cuda.loading import graphics_card  # noqa: PLC0415  # imports torch

    gpus = [first]
    for index in range(1, len(driver.cards)):
        try:
            gpus.append(graphics_card(index))
        except CudaUnavailable as error:
            _LOG.warning("the graphics card %d is not used: %s", index, error)
    return gpus


def _seen(driver: Driver | None) -> Obstacle | None:
    if driver is None:
        return Obstacle("there is no NVIDIA driver")
    if driver.problem:
        return Obstacle(driver.problem, "Restart the computer; if that does not help, install the driver anew.")
    return None if driver.cards else Obstacle("the NVIDIA driver shows no graphics card")


def _lost(lost: Lost) -> Obstacle | None:
    reason = lost.reason(GRAPHICS_CARD)
    return Obstacle(reason, "Start Undertext again to use it.") if reason else None


def _brought(pack: Pack) -> Obstacle | None:
    try:
        pack.bring()
    except EngineError as error:
        return Obstacle(str(error), error.hint)
    return None


def _installed() -> Obstacle | None:
    missing = [name for name in ("torch", "safetensors") if find_spec(name) is None]
    return Obstacle(f"{' and '.join(missing)} is not installed", mend_torch()) if missing else None


def _started() -> Obstacle | None:
    from engine.whisper.cuda.device.presence import cuda_problem  # noqa: PLC0415  # imports torch

    problem = cuda_problem()
    return Obstacle(problem, _mend(problem)) if problem else None


def _mend(problem: str) -> str:
    """Return what a person can do about one of `presence.cuda_problem`'s sentences."""
    if "driver" in problem and "too old" in problem:
        return "Update the NVIDIA driver."
    if "without CUDA" in problem or "no code for this GPU" in problem or "cannot be loaded" in problem:
        return mend_torch() if is_frozen() else _OTHER_BUILD
    if "at least" in problem or "capability" in problem:
        return ""
    return "Restart the computer; if that does not help, update the NVIDIA driver."

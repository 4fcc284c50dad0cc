"""Which engine a model is loaded onto: the one place where it is chosen.

On a machine without an NVIDIA graphics card nothing of the GPU's engine is imported, nor torch.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from engine.errors import CudaUnavailable, DeviceError, ModelError, OutOfMemory
from engine.records import Failure
from engine.settings import CPU, CUDA, EngineSettings
from engine.whisper.batch import BatchRecognizer
from engine.whisper.batch_ladder import LadderBatchRecognizer
from engine.whisper.driver import find_driver
from engine.whisper.graphics_card import Gpu, Obstacle, find_gpu, find_gpus
from engine.whisper.ladder import GRAPHICS_CARD, LOST, PROCESSOR, LadderRecognizer, Lost, Rung
from engine.whisper.recognizer import Context, Recognizer
from engine.whisper.selftest import Clip
from engine.whisper.several import SeveralBatchRecognizer

FEWER = (1, 2, 4)  # of the windows that find room, one in so many is decoded at a time, as memory runs out

_LOG = logging.getLogger(__name__)
_G = TypeVar("_G")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may be loaded.

    Attributes:
        name: For a person.
        find: Returns its folder and its context, every byte checked; raises ModelError.
    """

    name: str
    find: Callable[[], tuple[Path, Context]]


@dataclass(frozen=True, slots=True)
class Extras:
    """What the choice may need beside the model itself.

    Attributes:
        name: Of the model, for a person; empty for that of its folder.
        clip: Returns known speech for the self-test of the graphics card; None tests it without.
        smaller: Models that may step in on the graphics card when its memory runs out, the best first.
        tell: Takes what a person should know when a processor fails, on the engine's thread.
        find_gpu: Returns the graphics card, or why there is none to compute on.
        find_gpus: Returns all graphics cards, or why there is none to compute on: for whole recordings.
        lost: What has failed in this process.
    """

    name: str = ""
    clip: Callable[[], Clip] | None = None
    smaller: Callable[[], Sequence[Candidate]] = tuple
    tell: Callable[[Failure], None] = lambda _failure: None
    find_gpu: Callable[[], Gpu | Obstacle] = lambda: find_gpu(find_driver())
    find_gpus: Callable[[], Sequence[Gpu] | Obstacle] = lambda: find_gpus(find_driver())
    lost: Lost = LOST


def load_recognizer(
    folder: Path, context: Context, settings: EngineSettings, extras: Extras | None = None
) -> Recognizer:
    """Load a model onto the best engine that the settings allow.

    Raises:
        CudaUnavailable: A GPU is demanded and there is none, or it fails.
        OutOfMemory: A GPU is demanded, and too small.
        ModelError: The folder holds no usable model.
    """
    extras = extras or Extras()
    name = extras.name or folder.name
    below = Rung(name, PROCESSOR, partial(_load_on_the_processor, folder, context, settings))
    rungs_on = partial(_gpu_rungs, Candidate(name, lambda: (folder, context)), settings, extras)
    rungs = _rungs(settings.device, extras.find_gpu, rungs_on, name)
    if not rungs:
        return below.load()
    demanded = len(rungs) if settings.device == CUDA else None
    return LadderRecognizer([*rungs, below], extras.tell, demanded=demanded, lost=extras.lost)


def load_batch_recognizer(
    folder: Path, context: Context, settings: EngineSettings, extras: Extras | None = None
) -> BatchRecognizer:
    """Load a model for whole recordings onto the best engine that the settings allow; raises as `load_recognizer`.

    Where a GPU is demanded and fails later, its windows raise CudaUnavailable.
    """
    extras = extras or Extras()
    name = extras.name or folder.name
    below = Rung(name, PROCESSOR, partial(_load_batch_on_the_processor, folder, context, settings))
    rungs_on = partial(_batch_rungs, Candidate(name, lambda: (folder, context)), settings, extras)
    rungs = _rungs(settings.device, extras.find_gpus, rungs_on, name)
    if not rungs:
        return below.load()
    if settings.device != CUDA:
        rungs.append(below)
    return LadderBatchRecognizer(rungs, extras.tell, lost=extras.lost)


def _rungs(
    device: str, find: Callable[[], _G | Obstacle], rungs_on: Callable[[_G], list[Rung[_R]]], name: str
) -> list[Rung[_R]]:
    """Return the ways to compute the model of this name on what is found, the best first; none: on the processor.

    Raises:
        CudaUnavailable: A GPU is demanded and there is none.
        OutOfMemory: A GPU is demanded, and too small.
    """
    if device == CPU:
        return []
    found = find()
    doubt: DeviceError
    if isinstance(found, Obstacle):
        doubt = CudaUnavailable(found.sentence, hint=found.mend or "Use --device auto or --device cpu.")
    elif rungs := rungs_on(found):
        return rungs
    else:
        too_small = f"{name} needs more memory than the graphics card has free"
        doubt = OutOfMemory(too_small, hint="Close other programs that use it, or choose a smaller model.")
    _LOG.info("computing on the processor: %s", doubt)
    if device == CUDA:
        raise doubt
    return []


def _gpu_rungs(model: Candidate, settings: EngineSettings, extras: Extras, gpu: Gpu) -> list[Rung[Recognizer]]:
    """Return the ways to compute on the graphics card for which it has room, the best first."""

    def load(candidate: Candidate, *, eight_bits: bool = False) -> Recognizer:
        folder, context = candidate.find()
        clip = extras.clip() if extras.clip else None
        return gpu.load(folder, context, settings, eight_bits=eight_bits, clip=clip)

    def step_in(candidate: Candidate) -> Recognizer:
        try:
            return load(candidate)
        except ModelError as error:  # it is only a help: the chosen one is below
            raise OutOfMemory(f"no memory left, and {candidate.name} cannot step in: {error}") from error

    folder, context = model.find()
    rungs = [
        Rung(f"{model.name}{words}", GRAPHICS_CARD, partial(load, model, eight_bits=eight_bits))
        for words, eight_bits in (("", False), (" in 8 bits", True))
        if gpu.fits(folder, context, settings, eight_bits=eight_bits)
    ]
    steps_in = extras.smaller()
    return [*rungs, *(Rung(each.name, GRAPHICS_CARD, partial(step_in, each)) for each in steps_in)]


def _batch_rungs(
    model: Candidate, settings: EngineSettings, extras: Extras, gpus: Sequence[Gpu]
) -> list[Rung[BatchRecognizer]]:
    """Return the ways to compute on the graphics cards for which they have room, the best first."""
    folder, context = model.find()

    def load(cards: Sequence[tuple[Gpu, int]], part: int, *, eight_bits: bool) -> BatchRecognizer:
        clip = extras.clip() if extras.clip else None
        loaded: list[BatchRecognizer] = []
        try:
            for gpu, slots in cards:
                few = max(1, slots // part)
                each = gpu.load_batch(folder, context, settings, eight_bits=eight_bits, slots=few, clip=clip)
                loaded.append(each)
        except BaseException:
            for each in loaded:
                each.close()
            raise
        return loaded[0] if len(loaded) == 1 else SeveralBatchRecognizer(loaded)

    rungs: list[Rung[BatchRecognizer]] = []
    for words, eight_bits in (("", False), (" in 8 bits", True)):
        room = [(gpu, gpu.slots(folder, context, settings, eight_bits=eight_bits)) for gpu in gpus]
        cards = [(gpu, slots) for gpu, slots in room if slots]
        for part in FEWER if cards and not rungs else ():
            if part > 1 and part // 2 >= max(slots for _, slots in cards):
                break
            most = sum(max(1, slots // part) for _, slots in cards)
            name = f"{model.name}{words}, {most} at a time"
            rungs.append(Rung(name, GRAPHICS_CARD, partial(load, cards, part, eight_bits=eight_bits)))
    return rungs


def _load_batch_on_the_processor(folder: Path, context: Context, settings: EngineSettings) -> BatchRecognizer:
    from engine.whisper.cpu_batch import CpuBatchRecognizer  # noqa: PLC0415  # CTranslate2 takes 0.5 s to import

    return CpuBatchRecognizer(folder, context, settings)


def _load_on_the_processor(folder: Path, context: Context, settings: EngineSettings) -> Recognizer:
    from engine.whisper.cpu import CpuRecognizer  # noqa: PLC0415  # CTranslate2 takes 0.5 s to import

    return CpuRecognizer(folder, context, settings)

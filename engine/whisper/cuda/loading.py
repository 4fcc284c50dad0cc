"""A model onto a GPU: room for it, its numbers checked, loaded, warmed, and heard with.

budget → checkup → recognizer → prepare → selftest
"""

import logging
from functools import cache
from pathlib import Path

from engine.errors import CudaUnavailable, OutOfMemory
from engine.settings import EngineSettings
from engine.whisper.cuda.checkup import check_numbers
from engine.whisper.cuda.device.gpu import CudaDevice
from engine.whisper.cuda.device.protocol import Device
from engine.whisper.cuda.kernels.operations import PLAIN, Operations
from engine.whisper.cuda.model.budget import budget, left_alone, slots_budget
from engine.whisper.cuda.model.dims import Dims, Precision
from engine.whisper.cuda.model.precision import precise
from engine.whisper.cuda.model.weights import read_checkpoint
from engine.whisper.cuda.recognizer import CudaRecognizer
from engine.whisper.cuda.slots import SLOTS, CudaBatchRecognizer
from engine.whisper.recognizer import Context
from engine.whisper.selftest import Clip, check_heard, check_hearing, known_window

_MIB = 1 << 20

_LOG = logging.getLogger(__name__)


class TorchGpu:
    """A device that models can be loaded onto; see `engine.whisper.graphics_card.Gpu`.

    Args:
        device: Where.
        operations: To be used on it, the fastest first: the first that computes what it should is taken. Triton needs
            a C compiler, say, and torch alone does not.
    """

    def __init__(self, device: Device, *operations: Operations) -> None:
        self.name = device.name
        self._device = device
        self._operations = operations

    def free_bytes(self) -> int:
        """Return how much memory can still be had."""
        return self._device.free_bytes()

    def fits(self, folder: Path, context: Context, settings: EngineSettings, *, eight_bits: bool) -> bool:
        """Tell whether a model finds room, with what other programs need left to them.

        Raises:
            ModelCorrupt: The folder holds no readable model.
        """
        return self._lacking(read_checkpoint(folder).dims, context, settings, _precision(eight_bits=eight_bits)) <= 0

    def load(
        self, folder: Path, context: Context, settings: EngineSettings, *, eight_bits: bool, clip: Clip | None
    ) -> CudaRecognizer:
        """Return a recogniser that is loaded, warm and tested.

        Raises:
            OutOfMemory: It finds no room.
            CudaUnavailable: The device fails, or computes wrongly.
            ModelCorrupt: The folder holds no readable model.
        """
        precision = _precision(eight_bits=eight_bits)
        self._device.release()
        lacking = self._lacking(read_checkpoint(folder).dims, context, settings, precision)
        if lacking > 0:
            raise OutOfMemory(
                f"{self.name} has {lacking // _MIB + 1} MiB too little free for {folder.name}, with what others need",
                hint="Close other programs that use it, or choose a smaller model.",
            )
        operations, _ = self._trusted(folder, precision)
        recognizer = CudaRecognizer(
            folder,
            context,
            settings,
            self._device,
            operations=operations,
            precise=precise(precision),
        )
        recognizer.prepare(settings.window.cap_s)
        if clip is not None:
            check_hearing(recognizer, clip)
        return recognizer

    def slots(self, folder: Path, context: Context, settings: EngineSettings, *, eight_bits: bool) -> int:
        """Return how many windows of recordings find room side by side; 0 where not even one does.

        Raises:
            ModelCorrupt: The folder holds no readable model.
        """
        dims, precision = read_checkpoint(folder).dims, _precision(eight_bits=eight_bits)
        free, total = self._device.free_bytes(), self._device.total_bytes()
        fitting = (
            slots
            for slots in range(SLOTS, 0, -1)
            if slots_budget(dims, precision, slots=slots, beams=settings.beam, filled=context.filled).fits(free, total)
        )
        return next(fitting, 0)

    def load_batch(
        self,
        folder: Path,
        context: Context,
        settings: EngineSettings,
        *,
        eight_bits: bool,
        slots: int,
        clip: Clip | None,
    ) -> CudaBatchRecognizer:
        """Return a recogniser of whole recordings that is loaded and tested; raises as `load`.

        Args:
            folder: As for `load`.
            context: As for `load`.
            settings: As for `load`.
            eight_bits: As for `load`.
            slots: Windows side by side.
            clip: As for `load`.
        """
        precision = _precision(eight_bits=eight_bits)
        self._device.release()
        if self.slots(folder, context, settings, eight_bits=eight_bits) < slots:
            raise OutOfMemory(
                f"{self.name} has too little memory free for {slots} windows of {folder.name} at a time",
                hint="Close other programs that use it, or choose a smaller model.",
            )
        operations, _ = self._trusted(folder, precision)
        recognizer = CudaBatchRecognizer(
            folder, context, settings, self._device, slots=slots, operations=operations, precise=precise(precision)
        )
        if clip is not None:
            try:
                check_heard(recognizer.submit(known_window(clip)).result(), clip)
            except BaseException:
                recognizer.close()
                raise
        return recognizer

    def check_numbers(self, folder: Path, precision: Precision = Precision.FLOAT16) -> dict[str, float]:
        """Return by what share the results of a model's first layers differ from the processor's, by what they are.

        Raises:
            CudaUnavailable: By too much.
        """
        _, errors = self._trusted(folder, precision)
        return errors

    def _trusted(self, folder: Path, precision: Precision) -> tuple[Operations, dict[str, float]]:
        """Return the first operations whose results are right, and by how much they are not."""
        checkpoint = read_checkpoint(folder)
        for operations in self._operations:
            try:
                errors = check_numbers(checkpoint, self._device, operations=operations, precise=precise(precision))
            except OutOfMemory:
                raise
            except Exception as error:  # whatever a kernel trips over, torch may do
                if operations is self._operations[-1] or self._device.lost:
                    raise
                _LOG.warning("%s cannot be used: %s: %s", type(operations).__name__, type(error).__name__, error)
            else:
                _LOG.info("computing with %s", type(operations).__name__)
                return operations, errors
        raise CudaUnavailable("there are no operations for the graphics card")

    def _lacking(self, dims: Dims, context: Context, settings: EngineSettings, precision: Precision) -> int:
        """Return how many bytes are too few; negative where there is room."""
        memories = 2 if context.filled else 1
        needed = budget(dims, precision, beams=settings.beam, memories=memories).total
        return needed + left_alone(self._device.total_bytes()) - self._device.free_bytes()


def _precision(*, eight_bits: bool) -> Precision:
    return Precision.INT8 if eight_bits else Precision.FLOAT16


@cache
def graphics_card(index: int = 0) -> TorchGpu:
    """Return an NVIDIA GPU, the same at each call: a context is the process's.

    Args:
        index: Which one, as the driver counts them.

    Raises:
        CudaUnavailable: There is none that can be used.
    """
    try:
        from engine.whisper.cuda.kernels.launches import KERNELS  # noqa: PLC0415
    except ImportError:  # there is no Triton for Windows
        return TorchGpu(CudaDevice(index), PLAIN)
    return TorchGpu(CudaDevice(index), KERNELS, PLAIN)

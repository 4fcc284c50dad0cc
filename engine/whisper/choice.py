"""Which engine a model is loaded onto: the one place where it is chosen."""

from pathlib import Path

from engine.errors import CudaUnavailable
from engine.settings import EngineSettings
from engine.whisper.batch import BatchRecognizer
from engine.whisper.recognizer import Context, Recognizer


def load_recognizer(folder: Path, context: Context, settings: EngineSettings) -> Recognizer:
    """Load a model onto the best engine that the settings allow.

    Raises:
        CudaUnavailable: A GPU is demanded.
        ModelError: The folder holds no usable model.
    """
    _refuse_cuda(settings)
    from engine.whisper.cpu import CpuRecognizer  # noqa: PLC0415  # CTranslate2 takes 0.5 s to import

    return CpuRecognizer(folder, context, settings)


def load_batch_recognizer(folder: Path, context: Context, settings: EngineSettings) -> BatchRecognizer:
    """Load a model for whole recordings onto the best engine that the settings allow; raises as `load_recognizer`."""
    _refuse_cuda(settings)
    from engine.whisper.cpu_batch import CpuBatchRecognizer  # noqa: PLC0415  # as above

    return CpuBatchRecognizer(folder, context, settings)


def _refuse_cuda(settings: EngineSettings) -> None:
    if settings.device == "cuda":
        raise CudaUnavailable("this version has no GPU engine", hint="Use --device auto or --device cpu.")

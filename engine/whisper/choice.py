"""Which engine a model is loaded onto: the one place where it is chosen."""

from pathlib import Path

from engine.errors import CudaUnavailable
from engine.settings import EngineSettings
from engine.whisper.recognizer import Context, Recognizer


def load_recognizer(folder: Path, context: Context, settings: EngineSettings) -> Recognizer:
    """Load a model onto the best engine that the settings allow.

    Raises:
        CudaUnavailable: A GPU is demanded.
        ModelError: The folder holds no usable model.
    """
    if settings.device == "cuda":
        raise CudaUnavailable("this version has no GPU engine", hint="Use --device auto or --device cpu.")
    from engine.whisper.cpu import CpuRecognizer  # noqa: PLC0415  # CTranslate2 takes 0.5 s to import

    return CpuRecognizer(folder, context, settings)

"""Real models and recordings, where this machine has them; a test that needs one skips with the reason."""

import os
from functools import cache
from pathlib import Path

import pytest

from desktop.wiring import Engine
from engine.errors import ModelError
from engine.models.store import Store
from engine.settings import EngineSettings

SHARED = Path(os.environ.get("UNDERTEXT_SHARED", Path(__file__).parents[1].parent / "shared"))


def recording(name: str) -> Path:
    """Return a recording of the shared folder."""
    path = SHARED / "audio" / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return path


@cache
def _engine(model: str, language: str) -> Engine:
    folder = Path(os.environ.get("UNDERTEXT_TEST_MODELS", Path(__file__).parents[1] / "build" / "models"))
    engine = Engine(EngineSettings(language=language), model, Store(folder))
    _ = engine.recognizer
    return engine


def engine(model: str, language: str = "auto") -> Engine:
    """Return a loaded engine: "tiny.en", "base" from the packages, or "live", which is in the shared folder."""
    try:
        return _engine(str(SHARED / "models" / "whisper-tiny.en-live") if model == "live" else model, language)
    except ModelError as error:
        pytest.skip(error.sentence)

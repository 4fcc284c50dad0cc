"""One worker of a cluster: a loaded model in a process, on a machine that may be another one.

    path ─▶ Worker ─▶ answer        both as JSON can say them

An answer is `takes` and `length` (of a recording that was heard), `error` (of one that cannot be), or `unable` (this
worker can hear none).
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import errors
from engine.errors import EngineError, MediaUnreadable, ModelMissing
from engine.recordings.ledger import packed
from engine.recordings.transcriber import Failed, Finished, Job, Report, Transcriber
from engine.settings import EngineSettings
from engine.whisper.choice import load_batch_recognizer
from engine.whisper.recognizer import Context

SHARED = "Put it where every machine of the cluster finds it under the same path."


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker is told before it begins.

    Attributes:
        model: The folder of a checked model, for every machine the same.
        context: What its encoder must see.
        settings: Threads, beam, task, device and vocabulary are taken from here.
        language: As `Transcriber`.
    """

    model: Path
    context: Context
    settings: EngineSettings
    language: str

    def said(self) -> dict[str, Any]:
        """Return it as JSON can say it."""
        settings = {name: getattr(self.settings, name) for name in _SETTINGS}
        return {"model": str(self.model), "context": self.context.name, "settings": settings, "language": self.language}

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> "Work":
        """Return what `said` says."""
        settings = EngineSettings(**said["settings"] | {"vocabulary": tuple(said["settings"]["vocabulary"])})
        return cls(Path(said["model"]), Context.named(said["context"]), settings, said["language"])


_SETTINGS = ("task", "vocabulary", "device", "threads", "beam")


class Worker:
    """Hears recordings one after another with a model that it keeps.

    Args:
        work: What `Work.said` says.
    """

    def __init__(self, work: Mapping[str, Any]) -> None:
        self._unable: dict[str, str] | None = None
        try:
            self._transcriber = _transcriber(Work.read(work))
        except EngineError as error:
            self._unable = _on_this_worker(error)

    def answer(self, path: str) -> dict[str, Any]:
        """Hear a recording and return what is to be said of it; nothing is raised for what is wrong with it."""
        if self._unable is not None:
            return {"unable": self._unable}
        recording = Path(path)
        if not recording.exists():  # whoever sent us here has seen it
            missing = f"{path} cannot be seen from the worker {platform.node()}"
            return {"error": told(MediaUnreadable(missing, hint=SHARED))}
        try:
            *_, report = self._transcriber.transcribe([Job(recording)])
        except EngineError as error:  # its GPU failed
            self._unable = _on_this_worker(error)
            return {"unable": self._unable}
        return _said(report)


def told(error: EngineError) -> dict[str, str]:
    """Return an error as JSON can say it."""
    return {"kind": type(error).__name__, "message": str(error), "hint": error.hint}


def retold(said: Mapping[str, str]) -> EngineError:
    """Return the error that `told` told."""
    kind = getattr(errors, said["kind"], EngineError)
    error: EngineError = kind(said["message"], hint=said["hint"])
    return error


def _on_this_worker(error: EngineError) -> dict[str, str]:
    return told(type(error)(f"on the worker {platform.node()}: {error}", hint=error.hint))


def _transcriber(work: Work) -> Transcriber:
    if not work.model.is_dir():
        raise ModelMissing(f"{work.model} cannot be seen", hint=SHARED)
    recognizer = load_batch_recognizer(work.model, work.context, work.settings)
    return Transcriber(recognizer, work.language, work.settings.task)


def _said(report: Report) -> dict[str, Any]:
    if isinstance(report, Finished):
        return {"takes": [packed(heard) for heard in report.heard], "length": report.length}
    if isinstance(report, Failed):
        return {"error": told(report.error)}
    raise AssertionError("a recording ends finished or failed")

"""How the engine is put together for this person's machine: model, settings, journal → session.

The window and the terminal both begin here.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from desktop import paths
from desktop.known_speech import known_speech
from engine.audio.sources import AudioSource
from engine.errors import EngineError, ModelCorrupt, ModelMissing, SettingsError
from engine.models.catalog import CATALOG
from engine.models.checks import Trust
from engine.models.installed import InstalledModel, installed
from engine.models.lighter import lighter_names
from engine.models.store import Store
from engine.pipeline import Pipeline
from engine.records import Event, Failure
from engine.session import Session
from engine.settings import AUTO, TRANSLATE, EngineSettings
from engine.speech.commit import CommitPolicy
from engine.transcript.journal import Journal
from engine.transcript.library import Library
from engine.transcript.sound import SoundLog
from engine.whisper.batch import BatchRecognizer
from engine.whisper.choice import Candidate, Extras, load_batch_recognizer, load_recognizer
from engine.whisper.driver import find_driver
from engine.whisper.ladder import GRAPHICS_CARD, LadderRecognizer
from engine.whisper.recognizer import Context, Recognizer
from engine.whisper.tokenizer import LANGUAGES

_LOG = logging.getLogger(__name__)

# What is taken when nobody chose: the best that keeps up on two cores, first what knows the language.
LIVE_ENGLISH = ("tiny.en-live",)  # made for short windows: in whole recordings the last choice
ENGLISH = ("tiny.en", "base", "tiny")
MULTILINGUAL = ("base", "tiny", "small")


@dataclass
class Engine:
    """A model that is found and loaded when it is first needed, and then kept.

    Attributes:
        settings: For the engine.
        model: Name or folder; None takes the best that is here.
        store: The models of this machine.
        tell: Takes what a person should know when a processor fails, on the thread that recognises.
        live: Captions are to follow the sound; otherwise whole recordings are transcribed.
    """

    settings: EngineSettings = field(default_factory=EngineSettings)
    model: str | None = None
    store: Store = field(default_factory=lambda: Store(paths.models()))
    tell: Callable[[Failure], None] = lambda _failure: None
    live: bool = True

    @cached_property
    def installed(self) -> InstalledModel:
        """The model on disk, every byte checked.

        Raises:
            ModelError: It is not here, or damaged.
            SettingsError: It does not know the language that is set, or cannot translate.
        """
        language = self.settings.language
        if language != AUTO and language not in LANGUAGES:
            raise SettingsError(
                f"{language!r} is no language that Whisper knows",
                hint=f"Choose auto, or one of {', '.join(LANGUAGES)}.",
            )
        found = self.store.find(self.model) if self.model else self._best()
        if self._translates and not found.can_translate:
            raise SettingsError(
                f"the model {found.name} cannot translate",
                hint="Choose one that can (base, tiny, small, medium or large-v3), or turn the translation off.",
            )
        if found.english_only and language not in {AUTO, "en"}:
            raise SettingsError(
                f"the model {found.name} knows English only, not {language!r}",
                hint="Choose a multilingual model with --model base (or tiny, small …).",
            )
        return found

    @cached_property
    def recognizer(self) -> Recognizer:
        """The loaded model.

        Raises:
            EngineError: It cannot be found or loaded.
        """
        return load_recognizer(self.installed.path, self.installed.context, self.settings)

    @cached_property
    def batch_recognizer(self) -> BatchRecognizer:
        """The loaded model, for whole recordings; raises as `recognizer`."""
        extras = Extras(self.installed.name, clip=known_speech, tell=self._pass_on)
        return load_batch_recognizer(self.installed.path, self.installed.context, self.settings, extras)

    def close(self) -> None:
        """Give up what waits for the recogniser of whole recordings, if it was loaded."""
        if "batch_recognizer" in self.__dict__:
            self.batch_recognizer.close()

    @property
    def identity(self) -> dict[str, Any]:
        """What the words of a recording hang on, as JSON can say it; raises as `installed`."""
        weights = (self.installed.path / "model.bin").stat()
        settings = self.settings
        return {
            "weights": [weights.st_size, weights.st_mtime_ns],
            "context": self.installed.context.name,
            "task": settings.task,
            "vocabulary": sha256("\n".join(settings.vocabulary).encode()).hexdigest(),
            "beam": settings.beam,
        }

    @cached_property
    def lighter(self) -> Recognizer | None:
        """A loaded model that costs less and knows the language, as good as can be had; None where there is none."""
        for candidate in self._lighter_models():
            try:
                return self._load(candidate.name, *candidate.find())
            except EngineError as error:
                _LOG.warning("%s cannot step in: %s", candidate.name, error)
        return None

    @property
    def is_loaded(self) -> bool:
        """Whether the model was loaded. Thread: any."""
        return "recognizer" in self.__dict__

    @property
    def is_on_gpu(self) -> bool:
        """Whether the graphics card computes, now. Thread: any, once it is loaded."""
        recognizer = self.recognizer
        return isinstance(recognizer, LadderRecognizer) and recognizer.rung.processor == GRAPHICS_CARD

    @property
    def may_be_lighter(self) -> bool:
        """Whether a smaller model may step in while the machine is too slow."""
        return self.settings.smaller == "yes" or (self.settings.smaller == AUTO and not self.model)

    def pipeline(self, policy: CommitPolicy | None = None) -> Pipeline:
        """Return a new pipeline over the loaded model; raises as `recognizer`.

        Args:
            policy: Says what is final; None for the one that was measured to be best.
        """
        lighter = (lambda: self.lighter) if self.may_be_lighter else None
        return Pipeline(self.recognizer, self.settings, policy=policy, lighter=lighter)

    def _load(
        self, name: str, folder: Path, context: Context, smaller: Callable[[], Sequence[Candidate]] = tuple
    ) -> Recognizer:
        extras = Extras(name, clip=known_speech, smaller=smaller, tell=self._pass_on)
        return load_recognizer(folder, context, self.settings, extras)

    def _pass_on(self, failure: Failure) -> None:
        self.tell(failure)  # whoever listens by then

    def _lighter_models(self) -> list[Candidate]:
        """Return the models that cost less and know the language, the best first; nothing of them is checked."""
        english = not self._translates and (self.installed.english_only or self.settings.language == "en")
        names = lighter_names(self.installed, self.store, english=english)
        return [Candidate(name, partial(self._find_lighter, name)) for name in names]

    def _find_lighter(self, name: str) -> tuple[Path, Context]:
        found = self.store.find(name)
        if self._translates and not found.can_translate:
            raise ModelMissing(f"the model {name} cannot translate")
        return found.path, found.context

    @property
    def _translates(self) -> bool:
        return self.settings.task == TRANSLATE

    def _best(self) -> InstalledModel:
        english = self.settings.language in {AUTO, "en"} and not self._translates
        best = ((*LIVE_ENGLISH, *ENGLISH) if self.live else (*ENGLISH, *LIVE_ENGLISH)) if english else MULTILINGUAL
        for name in best:
            try:
                return self.store.find(name)
            except ModelMissing:
                continue
        return self.store.find("tiny.en" if english else "base")


def open_session(
    engine: Callable[[], Engine],
    send: Callable[[Event], None],
    transcripts: Path | None = None,
    *,
    keeps_sound: Callable[[], bool] = lambda: False,
) -> Session:
    """Return a session.

    Args:
        engine: What to caption with; asked at each start.
        send: Takes every event, on the engine thread.
        transcripts: The folder they are kept in; None keeps none.
        keeps_sound: Whether the sound is kept beside them; asked at each start. Of speech that is translated none is:
            what is written is not what was said, and teaches nothing.
    """

    def pipeline() -> Pipeline:
        chosen = engine()
        chosen.tell = send
        return chosen.pipeline()

    if transcripts is None:
        return Session(make_pipeline=pipeline, send=send)

    def journal(source: AudioSource) -> Journal:
        now = datetime.now().astimezone()
        return Journal.create(transcripts, title="", source=source.name, model=engine().installed.name, now=now)

    def sound(begun: Journal) -> SoundLog | None:
        wanted = keeps_sound() and engine().settings.task != TRANSLATE
        return SoundLog(transcripts, begun.id) if wanted else None

    correct = Library(transcripts).correct
    return Session(make_pipeline=pipeline, send=send, make_journal=journal, make_sound=sound, correct=correct)


@cache
def has_gpu() -> bool:
    """Whether the NVIDIA driver shows a graphics card."""
    driver = find_driver()
    return driver is not None and bool(driver.cards)


def models_here(store: Store) -> dict[str, bool]:
    """Return the names of the models on this machine and whether each can translate: the catalog's, then the user's."""
    here = {name: model.can_translate for name, model in CATALOG.items() if any(True for _ in store.copies(name))}
    return here | {path.name: _can_translate(path) for path in store.own()}


def _can_translate(folder: Path) -> bool:
    try:
        return installed(folder, None, Trust.UNKNOWN, "").can_translate
    except ModelCorrupt:
        return False

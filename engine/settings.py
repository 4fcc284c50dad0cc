"""The engine's settings: frozen, checked when made, free of paths.

Each room of the loop has its own small record; `EngineSettings` joins them. Times are seconds, as people set them.
"""

from dataclasses import dataclass, field

from engine.errors import SettingsError
from engine.vocabulary import check_terms

AUTO, CPU, CUDA = DEVICES = ("auto", "cpu", "cuda")
SMALLER = ("auto", "yes", "no")
ENGLISH = "en"  # what every Whisper writes, and the only language that it translates into
TRANSCRIBE, TRANSLATE = TASKS = ("transcribe", "translate")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SettingsError(
            f"{name} is {value:g}, outside {low:g}…{high:g}",
            hint=f"Choose {name} between {low:g} and {high:g}.",
        )


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """When speech begins and ends.

    Attributes:
        threshold: Speech probability at which speech begins.
        release: Probability below which a frame counts as silence once speech has begun.
        min_speech_s: Shorter sounds are no speech.
        min_silence_s: A silence this long ends the utterance.
        pad_s: Sound kept before the first and after the last speech frame: consonants are quiet.
    """

    threshold: float = 0.5
    release: float = 0.35
    min_speech_s: float = 0.1
    min_silence_s: float = 0.5
    pad_s: float = 0.4

    def __post_init__(self) -> None:
        _within("threshold", self.threshold, 0.05, 0.95)
        _within("release", self.release, 0.01, self.threshold)
        _within("min_speech_s", self.min_speech_s, 0.03, 1.0)
        _within("min_silence_s", self.min_silence_s, 0.2, 3.0)
        _within("pad_s", self.pad_s, 0.0, self.min_silence_s)


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """Which span is decoded, and how often.

    Attributes:
        step_s: Sound between two updates; 0 lets the model decide (`Context.step_s`).
        keep_s: Committed sound kept before the first uncommitted word, as context.
        cap_s: A window longer than this gives up waiting for agreement.
        least_s: A window is no shorter than this where there is sound of late to lengthen it.
        context_gap_s: After a pause longer than this the window keeps nothing of what was before.
        prompt_words: Words of earlier text the model sees.
        prompt_gap_s: After a pause longer than this it sees none.
    """

    step_s: float = 0.0
    keep_s: float = 3.0
    cap_s: float = 12.0
    least_s: float = 2.5
    context_gap_s: float = 2.0
    prompt_words: int = 40
    prompt_gap_s: float = 10.0

    def __post_init__(self) -> None:
        if self.step_s:
            _within("step_s", self.step_s, 0.1, 10.0)
        _within("keep_s", self.keep_s, 0.0, 10.0)
        _within("cap_s", self.cap_s, self.keep_s + 2.0, 25.0)
        _within("least_s", self.least_s, 0.0, 10.0)
        _within("context_gap_s", self.context_gap_s, 0.0, 10.0)
        _within("prompt_words", self.prompt_words, 0, 100)
        _within("prompt_gap_s", self.prompt_gap_s, 0.0, 3600.0)


@dataclass(frozen=True, slots=True)
class SegmentSettings:
    """Where the running text is divided.

    Attributes:
        sentence_s: A segment longer than this ends with the next sentence.
        longest_s: A segment longer than this ends with the next committed word.
    """

    sentence_s: float = 8.0
    longest_s: float = 25.0

    def __post_init__(self) -> None:
        _within("sentence_s", self.sentence_s, 1.0, 60.0)
        _within("longest_s", self.longest_s, self.sentence_s, 120.0)


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """All that the engine can be told.

    Attributes:
        language: ISO 639-1 code of what is spoken, or "auto".
        task: One of `TASKS`: to write what is said as it is said, or in English.
        vocabulary: Names and terms that may come up, the user's spelling; see `engine.vocabulary`.
        device: One of `DEVICES`.
        threads: Processor threads of the recogniser; 0 chooses.
        beam: Width of the search for what becomes final; what still moves is decoded greedily.
        smaller: Whether a smaller model may step in while the machine is too slow: one of `SMALLER`. "auto" allows it
            unless a person has named the model: who asks for one wants no other.
    """

    language: str = AUTO
    task: str = TRANSCRIBE
    vocabulary: tuple[str, ...] = ()
    device: str = AUTO
    threads: int = 0
    beam: int = 5
    smaller: str = AUTO
    speech: SpeechSettings = field(default_factory=SpeechSettings)
    window: WindowSettings = field(default_factory=WindowSettings)
    segment: SegmentSettings = field(default_factory=SegmentSettings)

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise SettingsError(f"device is {self.device!r}", hint=f"Choose one of {', '.join(DEVICES)}.")
        if self.task not in TASKS:
            raise SettingsError(f"task is {self.task!r}", hint=f"Choose one of {', '.join(TASKS)}.")
        check_terms(self.vocabulary)
        if self.smaller not in SMALLER:
            raise SettingsError(f"smaller is {self.smaller!r}", hint=f"Choose one of {', '.join(SMALLER)}.")
        _within("threads", self.threads, 0, 64)
        _within("beam", self.beam, 1, 10)

"""The records that flow through the engine, in the order of the way they take.

    AudioBlock · Interruption · Notice   from a source
    Window → Hypothesis                  into and out of a recogniser
    Caption · Gap · Withheld · StateChange · Stats · Failure    the events a session sends out

All are frozen; arrays inside are read-only, because a queued event hands over the same object to another thread.
Positions and lengths in time are samples at 16 kHz since the session began (see `units`) unless a name says seconds.
"""

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """What a device delivered at once.

    Attributes:
        frames: float32 [n, channels], within [-1, 1], at the device's own rate.
        sample_rate: The device's rate in Hz.
    """

    frames: Samples
    sample_rate: int

    def __post_init__(self) -> None:
        if self.frames.ndim != 2:
            raise ValueError(f"frames must be [n, channels], not {self.frames.shape}")
        self.frames.flags.writeable = False


@dataclass(frozen=True, slots=True)
class Interruption:
    """Sound that is missing between the block before and the block after."""

    duration_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What a source has to say about itself.

    Attributes:
        healthy: False while no sound comes (the device is gone or stalls), True when it does again.
        detail: One sentence for the person.
    """

    healthy: bool
    detail: str


SourceItem: TypeAlias = AudioBlock | Interruption | Notice


@dataclass(frozen=True, slots=True)
class Word:
    """One word, as it is written: `text` carries its leading space and its punctuation.

    Attributes:
        text: Joined without anything between, words give the text.
        start: First sample of the word.
        stop: One past its last sample.
        probability: The model's own, 0..1, of the token of the word that it is least sure of.
    """

    text: str
    start: int
    stop: int
    probability: float


@dataclass(frozen=True, slots=True)
class Window:
    """One span to recognise.

    Attributes:
        samples: float32 [n], 16 kHz mono.
        start: Sample index of `samples[0]`.
        prompt: Text that came before the window; the model sees it as context.
        prefix: Words already committed inside the window; the hypothesis goes on after them.
        language: ISO 639-1 code of what is spoken, or "auto" to have it detected.
        thorough: Worth a wider search.
    """

    samples: Samples
    start: int
    prompt: str = ""
    prefix: tuple[Word, ...] = ()
    language: str = "auto"
    thorough: bool = False

    @property
    def stop(self) -> int:
        """One past the last sample."""
        return self.start + len(self.samples)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a recogniser heard in a window after its prefix.

    Attributes:
        words: In order; times are absolute.
        language: ISO 639-1 code of what is spoken.
        language_probability: How sure the model is of it; 1 when it was told.
        avg_logprob: Mean log-probability of the new tokens; 0 when there are none.
        no_speech_prob: The model's own probability that nobody speaks.
    """

    words: tuple[Word, ...]
    language: str
    language_probability: float
    avg_logprob: float
    no_speech_prob: float


class State(Enum):
    """What a session is doing."""

    IDLE = "idle"
    LOADING = "loading"
    LISTENING = "listening"
    PAUSED = "paused"
    RECOVERING = "recovering"
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StateChange:
    """The session entered a state; `detail` is one sentence for the person or empty."""

    state: State
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Caption:
    """The text of one segment as it stands.

    Attributes:
        segment: Number of the segment within the session, from 0.
        committed: All committed text of the segment; it only ever grows.
        unstable: What may still change, to be shown after `committed`.
        final: Nothing will be added to this segment.
        words: What this caption newly commits.
        start: First sample of the segment.
        stop: One past the last sample heard when this was made.
        language: ISO 639-1 code of the text: lines are broken by it. A translation is "en", whatever was spoken.
    """

    segment: int
    committed: str
    unstable: str
    final: bool
    words: tuple[Word, ...]
    start: int
    stop: int
    language: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A span that was not captioned, and why."""

    start: int
    stop: int
    reason: str


class Doubt(Enum):
    """Why a text is not believed to have been said.

    LOOP: it repeats itself. PHANTOM: what subtitles say over silence. UNHEARD: nobody was heard where it is said to be.
    UNSURE: the model itself doubts it, and hears nobody.
    """

    LOOP = "loop"
    PHANTOM = "phantom"
    UNHEARD = "unheard"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Withheld:
    """What the model wrote, and the guard kept from the captions: for the record only, never for the screen."""

    start: int
    stop: int
    text: str
    reason: Doubt


class Level(StrEnum):
    """What is given up because the machine is slower than the speech, each beside what stands before it.

    GREEDY: the wide search at the end of an utterance. SLOWER: every second update. LIGHTER: the model, for a smaller
    one.
    """

    NORMAL = "normal"
    GREEDY = "greedy"
    SLOWER = "slower"
    LIGHTER = "lighter"


@dataclass(frozen=True, slots=True)
class Stats:
    """A snapshot for the state line and the log.

    Attributes:
        audio_s: Seconds of sound taken in.
        lag_s: How long the oldest sound of the last turn had come when its captions were made.
        level_db: Loudness of the last half second, dB below full scale.
        updates: Windows decoded so far.
        decode_ms: Wall time of the last one.
        busy: Share of the time since the last snapshot spent computing, 0..1.
        speaking: Whether speech is heard now.
        overruns: Blocks that the ring had to drop.
        level: What is given up so that captions keep up.
        skipped_s: Seconds of speech that were left out so far, because there was no time for them.
        cpu_s: Processor seconds since the session began, of the whole process: the recogniser computes on threads of
            its own.
        fallback: What captions come from since a processor failed, "tiny.en on the processor"; empty while they come
            from what was chosen.
    """

    audio_s: float = 0.0
    lag_s: float = 0.0
    level_db: float = -120.0
    updates: int = 0
    decode_ms: float = 0.0
    busy: float = 0.0
    speaking: bool = False
    overruns: int = 0
    level: Level = Level.NORMAL
    skipped_s: float = 0.0
    cpu_s: float = 0.0
    fallback: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error, for the person.

    Attributes:
        kind: Name of the exception's class.
        message: What happened.
        hint: How to mend it.
        fatal: The session has ended.
    """

    kind: str
    message: str
    hint: str = ""
    fatal: bool = field(default=False)


Heard: TypeAlias = Caption | Gap | Withheld
Event: TypeAlias = StateChange | Heard | Stats | Failure

"""Who hears speech: Silero VAD v6, one probability for every 512 samples, and hysteresis over it.

The network comes with faster-whisper (MIT) as an ONNX file; only the file is used, the package is not imported.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime

from engine.errors import ModelMissing
from engine.records import Samples
from engine.settings import SpeechSettings
from engine.speech.leveller import Leveller
from engine.units import samples, seconds

FRAME = 512  # samples a probability: 32 ms
CONTEXT = 64  # samples of the frame before, which the network wants to see


def silero_path() -> Path:
    """Return where the network lies.

    Raises:
        ModelMissing: faster-whisper is not installed, or without its assets.
    """
    spec = find_spec("faster_whisper")
    # Of a frozen program only the folder of its assets is there: a package without a file.
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for path in sorted(Path(folder).glob("assets/silero_vad*.onnx")):
            return path
    raise ModelMissing("the speech detector is missing", hint="Reinstall the package faster-whisper.")


class SpeechDetector:
    """Speech probability of a stream, about 1 ms of one core for a second of sound.

    The network is recurrent: one detector hears one stream, in order.
    """

    def __init__(self, path: Path | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = 1
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 4
        self._network = onnxruntime.InferenceSession(
            str(path or silero_path()), options, providers=["CPUExecutionProvider"]
        )
        self._leveller = Leveller(seconds(FRAME))
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._leveller.reset()
        self._hidden = np.zeros((1, 1, 128), np.float32)
        self._cell = np.zeros((1, 1, 128), np.float32)
        self._context = np.zeros(CONTEXT, np.float32)

    def probabilities(self, frames: Samples) -> Samples:
        """Return the speech probability of each frame.

        Args:
            frames: float32 [n, 512], 16 kHz, following what was given before.

        Returns:
            float32 [n].
        """
        frames = self._leveller.feed(frames)
        before = np.vstack([self._context, frames[:-1, -CONTEXT:]])
        probabilities, self._hidden, self._cell = self._network.run(
            None, {"input": np.hstack([before, frames]), "h": self._hidden, "c": self._cell}
        )
        self._context = frames[-1, -CONTEXT:].copy()
        result: Samples = np.asarray(probabilities, np.float32).reshape(-1)
        return result


class Edge(Enum):
    """A change between speech and silence."""

    STARTED = "started"
    ENDED = "ended"


@dataclass(slots=True)
class Hysteresis:
    """Speech probabilities → start and end of speech; pure.

    Attributes:
        speaking: Between a start and its end.
        started: First sample of the speech, while speaking.
        last_speech: One past the last sample that was speech.
    """

    settings: SpeechSettings
    speaking: bool = False
    started: int = 0
    last_speech: int = 0
    _rising: int | None = None

    def update(self, probability: float, start: int) -> Edge | None:
        """Take the next frame, which begins at sample `start`, and say what it changed."""
        stop = start + FRAME
        if self.speaking:
            if probability >= self.settings.release:
                self.last_speech = stop
            elif stop - self.last_speech >= samples(self.settings.min_silence_s):
                self.speaking = False
                return Edge.ENDED
            return None
        if probability < self.settings.threshold:
            self._rising = None
            return None
        self._rising = start if self._rising is None else self._rising
        if stop - self._rising < samples(self.settings.min_speech_s):
            return None
        self.speaking, self.started, self.last_speech = True, self._rising, stop
        self._rising = None
        return Edge.STARTED

    def end(self) -> None:
        """The stream broke off: nobody speaks."""
        self.speaking, self._rising = False, None


class SpeechTrack:
    """The speech probabilities of the last sound, to be asked for evidence.

    Args:
        length: Samples that are remembered.
    """

    def __init__(self, length: int) -> None:
        self._probabilities: deque[tuple[int, float]] = deque(maxlen=length // FRAME)

    def add(self, start: int, probability: float) -> None:
        """Take the next frame, which begins at sample `start`."""
        self._probabilities.append((start, probability))

    def highest(self, start: int, stop: int) -> float:
        """Return the highest probability between two samples; 0 where nothing is remembered."""
        return max((p for at, p in self._probabilities if at < stop and at + FRAME > start), default=0.0)

"""Others that run Whisper on a GPU, each over the same weights, and asked for the same: so many tokens, no search.

A peer may be missing or may not load: its reason stands in its cells. What it is asked for ends with its result on the
host, so that wall-clock time is its time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from engine.units import WINDOW_S, samples

PROMPT = (50258, 50259, 50359, 50363)  # the start, English, transcribe, no times; a published model's own may lie by 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where a peer computes.

    Attributes:
        torch: Its name for torch.
        half: In float16.
    """

    torch: str
    half: bool

    @property
    def dtype(self) -> torch.dtype:
        """Of what it is given."""
        return torch.float16 if self.half else torch.float32


class Peer(Protocol):
    """What is asked of each. Mels are float32 [k, mels, 3000]."""

    def encode(self, mels: NDArray[np.float32]) -> Any:
        """Return encoder states, done and on the device."""
        ...

    def write(self, states: Any, count: int) -> Sequence[Sequence[int]]:
        """Return so many tokens of each window, behind the opening."""
        ...

    def hear(self, sound: NDArray[np.float32], count: int) -> str:
        """Return the text of so many tokens of a window, from its samples."""
        ...


class Transformers:
    """Hugging Face's, as `generate` runs it in a loop.

    Args:
        folder: Of the weights, in CTranslate2's format.
        place: Where.
        compiled: With a static cache and torch.compile, as its documentation has it for speed.
    """

    def __init__(self, folder: Path, place: Place, *, compiled: bool = False) -> None:
        from transformers import GenerationMixin, WhisperFeatureExtractor

        from tests.reference import whisper

        self._place = place
        model = whisper.__wrapped__(folder)
        model.config._attn_implementation = "sdpa"
        self._model = model.to(place.torch, place.dtype)
        self._features = WhisperFeatureExtractor(feature_size=model.config.num_mel_bins)
        self._options: dict[str, Any] = {"do_sample": False, "num_beams": 1, "use_cache": True, "eos_token_id": None}
        if compiled:
            self._options |= {"cache_implementation": "static", "disable_compile": True}
            # Where it is rehearsed nothing is traced: that alone would take longer than all the rest.
            way = {"mode": "reduce-overhead"} if place.half else {"disable": True}
            self._model.forward = torch.compile(self._model.forward, **way)
        self._generate = GenerationMixin.generate
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    @torch.inference_mode()
    def encode(self, mels: NDArray[np.float32]) -> Any:
        """Return encoder states."""
        given = torch.from_numpy(mels).to(self._place.torch, self._place.dtype)
        states = self._model.get_encoder()(given)
        _finish(self._place)
        return states

    @torch.inference_mode()
    def write(self, states: Any, count: int) -> Sequence[Sequence[int]]:
        """Return tokens."""
        opening = torch.tensor([PROMPT] * len(states.last_hidden_state), device=self._place.torch)
        found = self._generate(
            self._model, encoder_outputs=states, decoder_input_ids=opening, max_new_tokens=count, **self._options
        )
        return [row[len(PROMPT) :] for row in found.tolist()]

    def hear(self, sound: NDArray[np.float32], count: int) -> str:
        """Return a text."""
        mel = self._features(sound, sampling_rate=16_000, return_tensors="np").input_features
        return self._tokenizer.decode(self.write(self.encode(mel), count)[0])


class OpenAi:
    """openai-whisper, in float16 as it decides by itself: its weights stay float32 and are cast at each use."""

    def __init__(self, folder: Path, place: Place) -> None:
        from whisper.decoding import DecodingOptions, DecodingTask

        from tests.whispers import openai_model

        self._place = place
        self._model = openai_model(folder).to(place.torch)
        self._options, self._task = DecodingOptions, DecodingTask

    @torch.inference_mode()
    def encode(self, mels: NDArray[np.float32]) -> Any:
        """Return encoder states."""
        states = self._model.encoder(torch.from_numpy(mels).to(self._place.torch, self._place.dtype))
        _finish(self._place)
        return states

    def write(self, states: Any, count: int) -> Sequence[Sequence[int]]:
        """Return tokens."""
        options = self._options(
            language="en", without_timestamps=True, fp16=self._place.half, sample_len=count, suppress_tokens=[50257]
        )
        return [result.tokens for result in self._task(self._model, options).run(states)]

    def hear(self, sound: NDArray[np.float32], count: int) -> str:
        """Return a text."""
        from whisper.audio import log_mel_spectrogram, pad_or_trim

        mel = log_mel_spectrogram(pad_or_trim(sound), self._model.dims.n_mels, device=self._place.torch)
        options = self._options(
            language="en", without_timestamps=True, fp16=self._place.half, sample_len=count, suppress_tokens=[50257]
        )
        (found,) = self._task(self._model, options).run(mel[None].to(self._place.dtype))
        return str(found.text)


class FasterWhisper:
    """CTranslate2 with faster-whisper's features and tokens."""

    def __init__(self, folder: Path, place: Place) -> None:
        import ctranslate2
        from faster_whisper import WhisperModel

        kind = torch.device(place.torch).type
        self._model = WhisperModel(str(folder), device=kind, compute_type="float16" if place.half else "float32")
        self._view = ctranslate2.StorageView.from_array

    def encode(self, mels: NDArray[np.float32]) -> Any:
        """Return encoder states."""
        return self._model.model.encode(self._view(np.ascontiguousarray(mels)))

    def write(self, states: Any, count: int) -> Sequence[Sequence[int]]:
        """Return tokens."""
        found = self._model.model.generate(
            states,
            [list(PROMPT)] * states.shape[0],
            beam_size=1,
            max_length=max(2 * count, len(PROMPT) + count - 1),
            suppress_tokens=[-1, 50257],
        )
        return [result.sequences_ids[0] for result in found]

    def hear(self, sound: NDArray[np.float32], count: int) -> str:
        """Return a text."""
        padded = np.zeros(samples(WINDOW_S), np.float32)
        padded[: len(sound)] = sound
        mel = self._model.feature_extractor(padded, padding=0)[:, :3000]
        return str(self._model.hf_tokenizer.decode(self.write(self.encode(mel[None]), count)[0]))


def _finish(place: Place) -> None:
    if place.half:
        torch.cuda.synchronize()


PEERS: dict[str, Callable[[Path, Place], Peer]] = {
    "transformers": Transformers,
    "transformers, compiled": lambda folder, place: Transformers(folder, place, compiled=True),
    "openai-whisper": OpenAi,
    "faster-whisper": FasterWhisper,
}


def loaded(name: str, folder: Path, place: Place) -> Peer | str:
    """Return a peer, or in a sentence why there is none."""
    try:
        return PEERS[name](folder, place)
    except ImportError as error:
        return f"not installed: {error.name or error}"
    except Exception as error:  # noqa: BLE001  # whatever stands in its way is told, and the others go on
        return f"does not load: {said(error)}"


def said(error: BaseException) -> str:
    """Return the first line of an error."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]

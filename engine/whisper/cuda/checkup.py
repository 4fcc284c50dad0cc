"""Whether a device computes what it should, asked before it is trusted.

The first layers of the very model that is to be used, with its real weights and shapes, are computed on the device and,
in float32 with the plain operations, on the processor: encoder, prompt, and token steps replayed from a captured graph
with two beams whose histories cross. A driver, a kernel or a chip that is wrong shows here, whether it gives zeros, no
numbers, or others. What a whole model makes of known speech is `engine.whisper.selftest`'s question.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import CudaUnavailable
from engine.units import samples
from engine.whisper.cuda.device.host import HostDevice
from engine.whisper.cuda.device.protocol import Device
from engine.whisper.cuda.kernels.operations import PLAIN, Operations
from engine.whisper.cuda.model.layers import Precise
from engine.whisper.cuda.model.weights import Checkpoint
from engine.whisper.cuda.model.whisper import Whisper
from engine.whisper.features import log_mel

TOLERANCE = 2e-2  # ‖Δ‖ / ‖right‖; float16 is wrong by a tenth of it, a wrong kernel by fifty times as much
LAYERS = 2  # of encoder and decoder: all others are computed by the same code
SOUND_S = 2.0
PROMPT = (50, 262, 1000, 11)  # any tokens of text
STEPS = ((300, 400), (500, 600), (700, 800))  # a token for each of the two beams
BEAMS = 2


def check_numbers(
    checkpoint: Checkpoint, device: Device, *, operations: Operations, precise: Precise | None = None
) -> dict[str, float]:
    """Compute a little on a device and on the processor, and return how far apart the results are.

    Args:
        checkpoint: Of the model that is to be used.
        device: To be trusted or not.
        operations: Its own.
        precise: How the model's layers are stored; see `Whisper`.

    Returns:
        ‖Δ‖ / ‖right‖ by what was computed.

    Raises:
        CudaUnavailable: One is more than `TOLERANCE`, or no number.
        OutOfMemory: It found no room.
    """
    cut = _cut(checkpoint)
    host = HostDevice(torch.float32)
    right = _answers(Whisper(cut, host.place, host.dtype, operations=PLAIN, precise=precise), host)
    with device.compute():
        whisper = Whisper(cut, device.place, device.dtype, operations=operations, precise=precise)
    errors = {name: _error(value, right[name]) for name, value in _answers(whisper, device).items()}
    wrong = {name: error for name, error in errors.items() if not error <= TOLERANCE}  # no number is no less
    if wrong:
        told = ", ".join(f"{name} by {error:.2g}" for name, error in wrong.items())
        raise CudaUnavailable(f"the self-test failed: {device.name} is wrong in {told}", hint="Update its driver.")
    return errors


def _cut(checkpoint: Checkpoint) -> Checkpoint:
    """Return the model without its deeper layers; two heads of the last one left are watched."""
    dims = checkpoint.dims
    decoder_layers = min(LAYERS, dims.decoder_layers)
    watched = tuple((decoder_layers - 1, head) for head in (0, dims.heads - 1))
    encoder_layers = min(LAYERS, dims.encoder_layers)
    cut = replace(dims, encoder_layers=encoder_layers, decoder_layers=decoder_layers, alignment_heads=watched)
    return replace(checkpoint, dims=cut)


def _answers(whisper: Whisper, device: Device) -> dict[str, NDArray[np.float32]]:
    """Return all that is compared."""
    with device.compute():
        place = device.place
        states = whisper.encode(torch.from_numpy(_mel(whisper.dims.mels))[None].to(place, device.dtype))
        memory = whisper.memory(1, states.shape[1])
        whisper.remember(states, memory)
        memory.lengths.fill_(states.shape[1])
        cache = whisper.cache(BEAMS)
        prompt = torch.tensor([PROMPT], device=place)
        first = torch.zeros(1, dtype=torch.int64, device=place)
        hidden, attention = whisper.read(prompt, first, cache, memory, beams=BEAMS, watch=True)
        found = {"the encoder": states, "a prompt": whisper.logits(hidden)}
        found["a prompt's attention"] = _watched(attention)
        rows = _crossing_rows(whisper.dims.tokens).to(place)
        forbidden = torch.zeros(whisper.dims.vocabulary, dtype=torch.bool, device=place)
        tokens = torch.tensor(STEPS[0], device=place)
        places = torch.full((BEAMS,), len(PROMPT), device=place)

    def step(tokens: Tensor, places: Tensor) -> tuple[Tensor, ...]:
        hidden, attention = whisper.step(tokens, places, cache, memory, rows=rows, watch=True)
        token, logprob = whisper.operations.best_token(
            hidden, whisper.embeddings, forbidden, scales=whisper.embedding_scales
        )
        logits = whisper.logits(hidden)
        best = torch.cat([logits.gather(-1, token[:, None])[:, 0], logprob])
        return logits, best, _watched(attention)

    graph = device.capture("self-test", step, tokens, places)
    for index, pair in enumerate(STEPS):
        with device.compute():
            arguments = torch.tensor(pair, device=place), torch.full_like(places, len(PROMPT) + index)
            results = graph.replay(*arguments)
            names = ("the logits", "the best token", "the attention")
            found |= {
                f"{name} of step {index + 1}": result.clone() for name, result in zip(names, results, strict=True)
            }
    with device.compute():
        wide = [value.float() for value in found.values()]
    return dict(zip(found, device.fetch(*wide).get(), strict=True))


def _watched(attention: Tensor | None) -> Tensor:
    if attention is None:
        raise ValueError("no head was watched")
    return attention


def _crossing_rows(tokens: int) -> Tensor:
    """Return int32 [beams, tokens]: both histories begin in row 0, and change rows at every token after the prompt."""
    rows = torch.zeros(BEAMS, tokens, dtype=torch.int32)
    for index in range(len(STEPS)):
        rows[:, len(PROMPT) + index] = torch.tensor([0, 1] if index % 2 == 0 else [1, 0])
    return rows


def _mel(n_mels: int) -> NDArray[np.float32]:
    """Return the spectrogram of something like a voice: harmonics that glide and swell, and a little noise."""
    time_s = np.arange(samples(SOUND_S)) / samples(1.0)
    pitch = 2 * np.pi * np.cumsum(120 + 40 * np.sin(2 * np.pi * 1.5 * time_s)) / samples(1.0)
    voice = sum(np.sin(n * pitch) / n for n in range(1, 30)) * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * time_s))
    noise = np.random.default_rng(1).standard_normal(len(time_s))
    return log_mel((0.1 * voice + 0.003 * noise).astype(np.float32), n_mels)


def _error(value: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(value - right) / np.linalg.norm(right))

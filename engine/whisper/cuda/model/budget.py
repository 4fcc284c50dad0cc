"""How much of a GPU's memory a model will take, said before any of it is taken; needs no torch.

Weights, cache and memory are counted tensor by tensor. What is computed in between is counted as its largest moment;
all captured graphs of a stream share one pool, so that it is paid once for each. What the driver and its libraries take
for themselves nobody knows beforehand: it has a flat share.
"""

from dataclasses import dataclass
from math import prod

from engine.whisper.cuda.model.dims import HEAD, Dims, Precision, is_matrix, shapes

MIB = 1 << 20
GIB = 1 << 30
# An estimate, not measured: kernels that are loaded when first used, workspaces of cuBLAS (32 MiB on Hopper) and
# cuDNN, the nodes of some 40 captured graphs.
DRIVER = 384 * MIB
# Of a second stream that computes, estimated likewise: workspaces of cuBLAS and cuBLASLt, 32 MiB each on Hopper.
STREAM = 64 * MIB
AHEAD = 2  # windows of recordings that are encoded before their turn, in a memory each
_FLOAT, _HALF = 4, 2  # bytes


@dataclass(frozen=True, slots=True)
class Budget:
    """Bytes that a model takes.

    Attributes:
        weights: All tensors of the checkpoint.
        cache: Keys and values of the tokens.
        memory: Keys and values of the sound.
        work: What is computed in between, at its largest: the pools of the graphs.
        driver: What the driver and its libraries take for themselves.
    """

    weights: int
    cache: int
    memory: int
    work: int
    driver: int = DRIVER

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache + self.memory + self.work + self.driver

    def fits(self, free: int, total: int) -> bool:
        """Tell whether a GPU has room for it, with what other programs need left to them.

        Args:
            free: Bytes that nobody uses.
            total: Bytes of the GPU.
        """
        return self.total <= free - left_alone(total)


def left_alone(total: int) -> int:
    """Return how many bytes of a GPU stay free for other programs: 15 %, at least 1 GiB."""
    return max(GIB, total * 15 // 100)


def budget(
    dims: Dims, precision: Precision, *, windows: int = 1, beams: int = 1, memories: int = 1, positions: int = 0
) -> Budget:
    """Return what a model takes.

    Args:
        dims: Its shape.
        precision: Of its weights; everything else is float16.
        windows: Decoded at a time.
        beams: Rows of each window.
        memories: Of each window; a second one holds what stands behind a short window.
        positions: That the encoder is shown at a time, at most; 0 for all that it can be shown.
    """
    keys_and_values = 2 * dims.decoder_layers * dims.heads * HEAD * _HALF
    return Budget(
        weights=weights_bytes(dims, precision),
        cache=windows * beams * dims.tokens * keys_and_values,
        memory=windows * memories * dims.positions * keys_and_values,
        work=work_bytes(dims, precision, windows=windows, beams=beams, positions=positions or dims.positions),
    )


def slots_budget(dims: Dims, precision: Precision, *, slots: int, beams: int, filled: bool) -> Budget:
    """Return what a model takes that decodes windows side by side, encodes beside that, and aligns one at a time.

    Args:
        dims: Its shape.
        precision: As `budget`.
        slots: Windows side by side.
        beams: Rows of each.
        filled: Whether a memory of silence is kept, for what stands behind a short window.
    """
    one = budget(dims, precision)
    # Beside the slots each of these has one more: what enters, and for the cache what is aligned.
    rows, memories = slots * beams + 2, slots + 1 + AHEAD + filled
    # A step's logits, and those of a whole text that is aligned; then one window's memory, copied to be aligned.
    said = max(slots * beams, dims.tokens) * dims.vocabulary * (_HALF + 2 * _FLOAT) + one.memory
    return Budget(
        weights=one.weights,
        cache=rows * one.cache,
        memory=memories * one.memory,
        work=one.work + said,  # the encoder's, and the decoder's at the same time
        driver=one.driver + STREAM,
    )


def weights_bytes(dims: Dims, precision: Precision) -> int:
    """Return the bytes of all tensors; a matrix in 8 bits has a float32 scale for each row."""
    total = 0
    for name, shape in shapes(dims).items():
        small = is_matrix(name, shape) and precision.keeps_in_8_bits(name)
        total += prod(shape) + shape[0] * _FLOAT if small else prod(shape) * _HALF
    return total


def work_bytes(dims: Dims, precision: Precision, *, windows: int, beams: int, positions: int) -> int:
    """Return the bytes of what is computed at a time, at its largest."""
    width, place = dims.width, dims.width * windows * positions * _HALF
    # The first convolution at twice as many frames, before and after GELU, above its spectrogram.
    heard = 4 * place + windows * 2 * positions * dims.mels * _HALF
    # x, normalised, four times as wide before and after GELU.
    wide = 10 * place
    if precision is Precision.FP8:
        wide += 4 * place // _HALF * (_FLOAT + 1)  # its input in float32, then in 8 bits
    # A matrix is widened for what is read at once: by its scales in float32, then to float16.
    widened = 4 * width * width * (_FLOAT + _HALF) if precision is Precision.INT8 else 0
    # Logits in float16 and float32, and as much again where rules forbid some.
    said = windows * beams * dims.vocabulary * (_HALF + 2 * _FLOAT)
    return max(heard, wide + widened, said)

"""What a GPU cannot do faster: operations and bytes of each part of Whisper, over what the chip reaches.

A part takes at least its operations over the chip's products a second, and at least its bytes over the chip's memory;
so do parts side by side, all of theirs.
Weights and caches are float16; what a part writes in passing is left out, it stays in the chip's cache. `expected_us`
is no floor but a forecast: what a launch should take, from the machine code that a chip would run.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.whisper.cuda.kernels.blocks import HALVES_OF_A_LOAD

HALF = 2  # bytes of float16
POSITIONS = 1500  # of the encoder, 20 ms each: 30 s
HEAD = 64  # wide, in all published models

# Of its data sheet, an H200 reaches 790 of 989 TFLOP/s in large products and 4.3 of 4.8 TB/s in copies; the same shares
# are taken of the others.
_REACHED_OF_FLOPS = 0.8
_REACHED_OF_MEMORY = 0.9


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions of a published Whisper.

    Attributes:
        mels: Mel bands.
        vocabulary: Tokens; the English models (.en) know one less.
        width: Of a position and of a token.
        encoder_layers: Number of them.
        decoder_layers: Number of them.
        tokens: Longest sequence of the decoder.
    """

    mels: int
    vocabulary: int
    width: int
    encoder_layers: int
    decoder_layers: int
    tokens: int = 448

    @property
    def heads(self) -> int:
        """Of an attention."""
        return self.width // HEAD


# openai/whisper and the cards of distil-whisper.
SHAPES = {
    "tiny": Shape(80, 51865, 384, 4, 4),
    "tiny.en": Shape(80, 51864, 384, 4, 4),
    "base": Shape(80, 51865, 512, 6, 6),
    "base.en": Shape(80, 51864, 512, 6, 6),
    "small": Shape(80, 51865, 768, 12, 12),
    "small.en": Shape(80, 51864, 768, 12, 12),
    "medium": Shape(80, 51865, 1024, 24, 24),
    "medium.en": Shape(80, 51864, 1024, 24, 24),
    "large-v3": Shape(128, 51866, 1280, 32, 32),
    "turbo": Shape(128, 51866, 1280, 32, 4),
    "distil-large-v3": Shape(128, 51866, 1280, 32, 2),
}


@dataclass(frozen=True, slots=True)
class Chip:
    """A GPU, as its data sheet and NVIDIA's table of compute capabilities have it.

    Attributes:
        name: As it is sold.
        capability: Such as 90.
        tflops: Float16 products with float32 sums, dense, 10¹² operations a second.
        tb_per_s: Of its memory, 10¹² bytes a second.
        processors: Streaming multiprocessors.
        warps: A processor holds.
        programs: A processor holds.
        shared_kib: Shared memory of a processor.
        program_kib: Shared memory a program can have.
        memory_us: From a load to its value, from memory: 600 to 800 cycles in published measurements.
        launch_us: From one kernel of a graph to the next, its start and its end: 1.3 µs was measured on an H100 (Hazy
            Research, "Look Ma, No Bubbles", May 2025), and is assumed of the others.
    """

    name: str
    capability: int
    tflops: float
    tb_per_s: float
    processors: int
    warps: int
    programs: int
    shared_kib: int
    program_kib: int
    memory_us: float = 0.6
    launch_us: float = 1.3

    @property
    def flops_per_us(self) -> float:
        """Operations it reaches."""
        return self.tflops * _REACHED_OF_FLOPS * 1e6

    @property
    def bytes_per_us(self) -> float:
        """Bytes it reaches."""
        return self.tb_per_s * _REACHED_OF_MEMORY * 1e6


CHIPS = {
    chip.name: chip
    for chip in (
        Chip("H200", 90, 989, 4.8, 132, 64, 32, 228, 227),
        Chip("H100", 90, 989, 3.35, 132, 64, 32, 228, 227),
        Chip("A100", 80, 312, 2.039, 108, 64, 32, 164, 163),
        Chip("L4", 89, 121, 0.300, 58, 48, 24, 100, 99),
        Chip("RTX 4090", 89, 165.2, 1.008, 128, 48, 24, 100, 99),
        Chip("RTX 5090", 120, 209.5, 1.792, 170, 48, 32, 100, 99),
        Chip("T4", 75, 65, 0.320, 40, 32, 16, 64, 64),
    )
}


@dataclass(frozen=True, slots=True)
class Work:
    """What a part does at least.

    Attributes:
        flops: Operations; a product and its sum are two.
        bytes: Read and written.
    """

    flops: float
    bytes: float

    def __add__(self, other: "Work") -> "Work":
        """Return the work of both, side by side."""
        return Work(self.flops + other.flops, self.bytes + other.bytes)

    def floor_ms(self, chip: Chip) -> float:
        """Return what a chip cannot do it faster than."""
        return max(self.flops / chip.flops_per_us, self.bytes / chip.bytes_per_us) / 1000


def encoding(shape: Shape, windows: int = 1, positions: int = POSITIONS) -> Work:
    """Return the work of encoding windows, of 30 s each unless told otherwise."""
    w, n = shape.width, positions
    layer = 12 * w * w  # of weights: attention 4, feed-forward 8
    convolutions = 3 * (shape.mels * w + w * w)
    at_two_frames = 2 * 3 * shape.mels * w * 2 * n  # the first convolution makes every frame, two of a position
    flops = shape.encoder_layers * (2 * n * layer + 4 * n * n * w) + at_two_frames + 2 * 3 * w * w * n
    weights = shape.encoder_layers * layer + convolutions
    return Work(windows * flops, HALF * (weights + windows * n * (2 * shape.mels + w)))


def prefill(shape: Shape, tokens: int, windows: int = 1, positions: int = POSITIONS) -> Work:
    """Return the work of keys and values of the sound, and of taking a prompt in one pass, its last token's logits."""
    w, layers = shape.width, shape.decoder_layers
    sound = 2 * positions * 2 * w * w
    text = 2 * tokens * 14 * w * w + 4 * tokens * w * (tokens / 2 + positions)
    flops = layers * (sound + text) + 2 * shape.vocabulary * w
    moved = layers * (16 * w * w + windows * 2 * w * (positions + tokens)) + shape.vocabulary * w
    return Work(windows * flops, HALF * moved)


def token_step(shape: Shape, rows: int = 1, windows: int = 1, tokens: int = 0, positions: int = POSITIONS) -> Work:
    """Return the work of one token for each row.

    Args:
        shape: Of the model.
        rows: That share the weights.
        windows: Whose sound they share.
        tokens: In each row's history.
        positions: Of the sound.
    """
    w, layers = shape.width, shape.decoder_layers
    weights = layers * 14 * w * w + shape.vocabulary * w  # own attention 4, to the sound 2, feed-forward 8
    caches = layers * 2 * w * (windows * positions + rows * tokens)
    attended = layers * 4 * w * (positions + tokens)
    return Work(rows * (2 * weights + attended), HALF * (weights + caches))


@dataclass(frozen=True, slots=True)
class Launch:
    """A kernel's launch, as it was compiled for a chip.

    Attributes:
        bytes: It moves.
        programs: It is cut into.
        warps: Of a program.
        registers: Of a thread.
        shared: Bytes of shared memory of a program.
    """

    bytes: float
    programs: int
    warps: int
    registers: int
    shared: int

    def resident(self, chip: Chip) -> int:
        """Return how many of its programs a processor can hold; 0 where it cannot start."""
        if self.shared > chip.program_kib * 1024 or self.registers > 255:
            return 0
        of_a_warp = -(-self.registers * 32 // 256) * 256  # they are given out by 256
        by_registers = 65536 // (of_a_warp * self.warps)
        by_shared = chip.shared_kib * 1024 // (self.shared + 1024)  # the system takes 1 KiB of each
        return min(by_registers, by_shared, chip.warps // self.warps, chip.programs)

    def bytes_per_us(self, chip: Chip, loads: int = 8) -> float:
        """Return what it draws from memory, by Little's law: bytes on their way over the time they take.

        Args:
            chip: Where it runs.
            loads: Of 16 bytes that a thread has on their way; the machine code of the products has 8 to 16. Where
                several rows are multiplied, they go into shared memory ahead of use, beside as much of x.
        """
        at_once = min(self.programs, chip.processors * self.resident(chip))
        of_a_program = max(32 * self.warps * HALF * HALVES_OF_A_LOAD * loads, self.shared / 2)
        on_their_way = at_once * min(of_a_program, self.bytes / self.programs)
        return min(chip.bytes_per_us, on_their_way / chip.memory_us)

    def expected_us(self, chip: Chip) -> float:
        """Return the forecast for one launch in a graph: the gap, a load's way, then the bytes.

        A norm that is taken within a product reads its row from the cache first; that is not counted.
        """
        return chip.launch_us + chip.memory_us + self.bytes / self.bytes_per_us(chip)


def expected_ms(launches: Iterable[Launch], chip: Chip) -> float:
    """Return the forecast for launches that wait for each other."""
    return sum(launch.expected_us(chip) for launch in launches) / 1000

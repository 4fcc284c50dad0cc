"""How the kernels cut their work: block sizes by shape, as data.

Nothing is tuned at run time: a caption shall not wait for a tuner, and a captured graph replays what it was captured
with. The sizes follow from the bytes. A lane loads 16 bytes at a time; a GPU has about a hundred processors, and all of
them must be reading; what a program sums up must stay in its registers.
"""

from dataclasses import dataclass

LANES = 16  # rows that a tensor core multiplies at once, so many cost what two cost
# Of a thread, told to the assembler where many loads shall be on their way: left alone it spills some or holds them
# back, to fit one more program.
REGISTERS, MOST_REGISTERS = 128, 255
HALVES_OF_A_LOAD = 8  # 16 bytes

# Rows of the weight that one program takes, from so many outputs on: large matrices keep more loads in flight, small
# ones would leave processors idle.
_OUTS_OF_ONE_ROW = ((16384, 32), (3072, 8), (1024, 4), (0, 2))
_OUTS_OF_ROWS = ((16384, 64), (0, 16))

_PROGRAMS = 256  # that read a cache at once; about two for each processor of the largest GPUs
_LEAST_SPAN = 64  # places
_SHORT = 512  # places up to which one program reads them all: a second launch would cost more than it saves


@dataclass(frozen=True, slots=True)
class MatrixBlocks:
    """How x · weightᵀ is cut.

    Attributes:
        lanes: Rows of x in a program: 1, or as many as a tensor core takes.
        outs: Rows of the weight in a program.
        ins: Columns of the weight in a step.
        warps: Of a program.
        stages: Steps that are loaded ahead.
        registers: Of a thread, at most.
    """

    lanes: int
    outs: int
    ins: int
    warps: int
    stages: int
    registers: int

    @classmethod
    def of(cls, rows: int, outs: int, ins: int) -> "MatrixBlocks":
        """Return the blocks for x of so many rows and a weight [outs, ins]."""
        step = 256 if ins % 256 == 0 else 128
        if rows > 1:
            taken = _from(_OUTS_OF_ROWS, outs)
            step, warps = (64, 4) if taken == 64 else (step, 2)
            return cls(LANES, taken, step, warps, stages=4, registers=MOST_REGISTERS)
        taken = _from(_OUTS_OF_ONE_ROW, outs) * (256 // step)
        lanes_of_a_step = taken * step // HALVES_OF_A_LOAD
        warps = min(max(lanes_of_a_step // 32, 1), 8 if outs >= 16384 else 4)
        return cls(1, taken, step, warps, stages=1, registers=REGISTERS)

    def programs(self, outs: int) -> int:
        """Return the programs over so many outputs."""
        return -(-outs // self.outs)


@dataclass(frozen=True, slots=True)
class AttentionBlocks:
    """How a cache is cut.

    Attributes:
        lanes: Queries that share a cache in a program: 1, or as many as a tensor core takes.
        places: Of a step.
        splits: Programs for one head of one window.
        span: Places of one of them.
        warps: Of a program.
        stages: Steps that are loaded ahead.
        registers: Of a thread, at most.
    """

    lanes: int
    places: int
    splits: int
    span: int
    warps: int
    stages: int
    registers: int

    @classmethod
    def of(cls, beams: int, heads: int, n: int) -> "AttentionBlocks":
        """Return the blocks for caches of n places, so many heads in all windows together."""
        lanes = 1 if beams == 1 else max(LANES, power_of_two(beams))
        splits = 1 if n <= _SHORT else min(-(-n // _LEAST_SPAN), max(_PROGRAMS // heads, 1))
        span = -(-n // (splits * _LEAST_SPAN)) * _LEAST_SPAN
        places = min(span, 128) if lanes == 1 else 64
        warps, splits = places // 16, -(-n // span)
        if lanes == 1:
            return cls(lanes, places, splits, span, warps, stages=1, registers=REGISTERS)
        return cls(lanes, places, splits, span, warps, stages=2, registers=MOST_REGISTERS)


def power_of_two(count: int) -> int:
    """Return the least power of two that is no less."""
    return 1 << (count - 1).bit_length()


def _from(table: tuple[tuple[int, int], ...], size: int) -> int:
    """Return the entry of the largest bound that the size reaches."""
    return next(value for bound, value in table if size >= bound)

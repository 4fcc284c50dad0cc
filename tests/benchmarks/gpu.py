"""The GPU engine against its goals, its floor, and others.

    python -m tests.benchmarks.gpu --json build/gpu.json             where a GPU is: see gpu_measured.py
    python -m tests.benchmarks.gpu --model turbo=FOLDER --models turbo
    python -m tests.benchmarks.gpu --rehearse                        the same in miniature, without one
    python -m tests.benchmarks.gpu --floor                           what needs no GPU
    python -m tests.benchmarks.gpu --floor --models tiny turbo --chips H200 "RTX 4090"

`--floor` needs no GPU. For each chip and model it compiles the kernels of a token step, tells what they take, and sets
the forecast beside the floor. Nothing of it is measured: the floor is arithmetic, and the forecast assumes a gap
between the kernels of a graph and a memory's latency (engine/whisper/cuda/kernels/floor.py). It counts our kernels; the
few operations of torch around them (embedding, places) come on top, and on Turing the products of several rows, which
are left to NVIDIA's library.
"""

import argparse
from collections import Counter
from collections.abc import Sequence

from engine.whisper.cuda.kernels.floor import CHIPS, SHAPES, Chip, Work, encoding, expected_ms, prefill
from engine.whisper.cuda.kernels.floor import token_step as step_floor
from tests.benchmarks import gpu_measured
from tests.compiled import Compiled, Launched, compiled, token_step

HISTORY = 60  # tokens: a prompt of 40 and half an update
PROMPT = 4  # tokens


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--floor", action="store_true", help="what needs no GPU")
    parser.add_argument("--models", nargs="+", choices=SHAPES, default=["tiny", "base", "small", "turbo", "large-v3"])
    parser.add_argument("--chips", nargs="+", choices=CHIPS, default=list(CHIPS))
    parser.add_argument("--beams", nargs="+", type=int, default=[1, 5])
    parser.add_argument("--kernels", action="store_true", help="every kernel as it was compiled")
    gpu_measured.arguments(parser)
    told = parser.parse_args(arguments)
    if not told.floor:
        gpu_measured.run(told)
        return
    floors(told.models, told.chips, told.beams)
    forecasts(told.models, told.chips, told.beams, each_kernel=told.kernels)


def floors(models: Sequence[str], chips: Sequence[str], beams: Sequence[int]) -> None:
    """Print what cannot be faster."""
    steps = "".join(f" token × {count} |" for count in beams)
    print(f"| floor, ms | chip | encode 30 s | prefill {PROMPT} |{steps}")
    print("|---" * (4 + len(beams)) + "|")
    for name in models:
        for chip in map(CHIPS.__getitem__, chips):
            shape = SHAPES[name]
            parts = [encoding(shape), prefill(shape, PROMPT)]
            parts += [step_floor(shape, rows=count, tokens=HISTORY) for count in beams]
            print(f"| {name} | {chip.name} | " + " | ".join(f"{part.floor_ms(chip):.3g}" for part in parts) + " |")


def forecasts(models: Sequence[str], chips: Sequence[str], beams: Sequence[int], *, each_kernel: bool) -> None:
    """Print what a token step is compiled to, and what it should take."""
    print("\n| model | chip | beams | launches | registers | shared, KiB | spilled, B | forecast, ms | gaps | floor |")
    print("|---" * 10 + "|")
    for name in models:
        for chip in map(CHIPS.__getitem__, chips):
            for count in beams:
                step = token_step(SHAPES[name], beams=count, tokens=HISTORY, capability=chip.capability)
                made = list(zip(step, [compiled(each, chip.capability) for each in step], strict=True))
                floor = step_floor(SHAPES[name], rows=count, tokens=HISTORY)
                print(f"| {name} | {chip.name} | {count} | " + _summary(made, chip, floor), flush=True)
                if each_kernel:
                    _tell(made, chip)


def _summary(made: Sequence[tuple[Launched, Compiled]], chip: Chip, floor: Work) -> str:
    launched = [each.launch for _, each in made]
    is_whole = sum(each.bytes for each in launched) > 0.9 * floor.bytes
    figures = (
        f"{len(made)}",
        f"{max(each.registers for each in launched)}",
        f"{max(each.shared for each in launched) / 1024:.0f}",
        f"{sum(each.spilled for _, each in made)}",
        f"{expected_ms(launched, chip):.3f}" if is_whole else "some by the library",
        f"{len(made) * chip.launch_us / 1000:.3f}",
        f"{floor.floor_ms(chip):.3f}",
    )
    return " | ".join(figures) + " |"


def _tell(made: Sequence[tuple[Launched, Compiled]], chip: Chip) -> None:
    for (step, each), count in Counter((f"{step.name}{step.grid}", each) for step, each in made).items():
        launch = each.launch
        print(
            f"    {count:3} × {step:28} {launch.bytes / 1e6:8.3f} MB {launch.registers:4} registers "
            f"{launch.shared:6} B {launch.warps} warps {launch.resident(chip):3} a processor "
            f"{launch.bytes_per_us(chip) / 1e6:5.2f} TB/s "
            f"{launch.expected_us(chip):6.2f} µs",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""What a write into the ring costs, beside the plain way of keeping the last seconds.

Run: python -m tests.benchmarks.ring
"""

import platform
import statistics
import time

import numpy as np

from engine.audio.ring import Ring

RATE = 48_000
BLOCK = RATE // 40  # 25 ms
KEEP = 10 * RATE
REPEATS = 2_000


def median_us(step):
    """Return the median time of a call in microseconds."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def main():
    for channels in (1, 2, 8):
        block = np.random.default_rng(1).standard_normal((BLOCK, channels)).astype(np.float32)
        ring, target = Ring(KEEP, channels), np.empty_like(block)
        kept = np.zeros((KEEP, channels), np.float32)

        def append(kept=kept, block=block):
            np.concatenate([kept, block])[-KEEP:]

        def copy(target=target, block=block):
            target[:] = block

        write, two, plain = (
            median_us(lambda r=ring, b=block: r.write(b)),
            2 * median_us(copy),
            median_us(append),
        )
        print(
            f"{channels} ch, {BLOCK} frames: write {write:.2f} µs, two copies {two:.2f} µs, "
            f"np.concatenate {plain:.0f} µs ({plain / write:.0f} times the ring)"
        )
    print(f"medians of {REPEATS}; numpy {np.__version__}, {platform.processor() or platform.machine()}")


if __name__ == "__main__":
    main()

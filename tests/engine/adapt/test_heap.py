"""Memory that is let go of is the system's again."""

import subprocess
import sys
from pathlib import Path

import pytest

MIB = 1 << 20
# Of blocks of 8 MiB the second round is the heap's; a small one that stays behind each keeps it from shrinking.
PROGRAM = f"""
from engine.adapt.heap import give_back
import ctypes

c = ctypes.CDLL(None)
c.malloc.restype, c.malloc.argtypes, c.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
resident = lambda: int(open("/proc/self/statm").read().split()[1]) * {MIB} // 256
before = resident()
for _ in range(2):
    blocks = []
    for _ in range(20):
        blocks.append(c.malloc(8 * {MIB}))
        ctypes.memset(blocks[-1], 1, 8 * {MIB})
        ctypes.memset(c.malloc(4096), 1, 4096)
    for block in blocks:
        c.free(block)
print(resident() - before)
give_back()
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is about glibc")
def test_large_blocks_are_given_back():
    root = Path(__file__).parents[3]
    told = subprocess.run([sys.executable, "-c", PROGRAM], cwd=root, capture_output=True, text=True, check=True)
    kept, left = map(int, told.stdout.split())
    assert left < 4 * MIB <= kept

"""The kernels are right: the checks of `interpreted_kernels.py`, in a Python that interprets Triton.

Triton reads the variable once, when a kernel is decorated, and so do its own functions: hence the process.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed (extra gpu)")
pytest.importorskip("triton", reason="triton is not installed (comes with torch on Linux)")

CHECKS = Path(__file__).parent / "interpreted_kernels.py"


@pytest.mark.long
@pytest.mark.timeout(600)  # about a minute of one processor; the rest is for machines that share it
def test_every_kernel_equals_its_twin_in_plain_torch():
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(CHECKS)],
        cwd=Path(__file__).parents[5],
        env=os.environ | {"TRITON_INTERPRET": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-8000:] + told.stderr[-2000:]
    assert "passed" in told.stdout
    assert "skipped" not in told.stdout

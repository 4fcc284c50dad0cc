"""Why there is no GPU: always a sentence, never an error."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine.whisper.cuda.device.presence import chip_problem, cuda_problem, driver_problem

ROOT = Path(__file__).parents[5]


def test_this_machine_has_a_gpu_or_a_reason():
    problem = cuda_problem()
    assert isinstance(problem, str)
    try:
        import torch
    except ImportError:
        assert problem == "PyTorch is not installed"
    else:
        assert bool(problem) or torch.cuda.is_available()


def test_a_gpu_that_nobody_has_is_a_reason_too():
    assert cuda_problem(99)


def test_without_torch_that_is_the_reason():
    code = "import sys; sys.modules['torch'] = None\n"
    code += "from engine.whisper.cuda.device.presence import cuda_problem; sys.stdout.write(cuda_problem())"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout == "PyTorch is not installed"


def test_a_torch_that_lacks_a_module_is_not_said_to_be_missing(tmp_path):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("import a_module_that_nobody_has")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    code += "from engine.whisper.cuda.device.presence import cuda_problem; sys.stdout.write(cuda_problem())"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout == "PyTorch cannot be loaded: No module named 'a_module_that_nobody_has'"


@pytest.mark.parametrize("capability", [(7, 5), (8, 0), (8, 6), (9, 0), (12, 0)])
def test_a_chip_of_2018_or_later_is_enough(capability):
    assert chip_problem("Chip", capability) == ""


@pytest.mark.parametrize("capability", [(5, 2), (6, 1), (7, 0), (7, 2)])
def test_an_older_chip_is_named_with_what_it_lacks(capability):
    problem = chip_problem("Chip", capability)
    assert problem.startswith(f"Chip has compute capability {capability[0]}.{capability[1]}, ")
    assert "7.5" in problem


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("The NVIDIA driver on your system is too old (found version 11040)", "too old"),
        ("Found no NVIDIA driver on your system. Please check", "no NVIDIA driver"),
        ("CUDA driver version is insufficient for CUDA runtime version", "no NVIDIA driver"),
        ("No CUDA GPUs are available", "shows no NVIDIA GPU"),
        ("CUDA error: no CUDA-capable device is detected", "shows no NVIDIA GPU"),
        ("CUDA error: no kernel image is available for execution on the device", "no code for this GPU"),
        ("CUDA error: unknown error", "unknown error"),
    ],
)
def test_what_torch_says_becomes_a_sentence(said, means):
    assert means in driver_problem(said)

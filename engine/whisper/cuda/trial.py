"""Whether the torch that is here can be computed with: what a GPU pack must show before it is used.

It imports all that the engine imports, and computes on the processor, beside numpy. Whether there is a GPU is told, and
is no fault of a pack; what a card computes is checked by `checkup` whenever a model is loaded onto it.
"""

from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch

from engine.whisper.cuda import loading  # noqa: F401  # all of the engine: nothing of it may lack a module
from engine.whisper.cuda.device.presence import cuda_problem

_NEAR = 1e-4  # of float32, in sums of 64


def told() -> dict[str, str]:
    """Return what there is to tell: `engine.pack.trial.Trial` has the names.

    Raises:
        ArithmeticError: A result is wrong.
        OSError: A library is missing.
        ImportError: A module is.
    """
    _compute()
    return {
        "torch": torch.__version__,
        "cuda": torch.version.cuda or "",
        "triton": _triton(),
        "problem": cuda_problem(),
    }


def _compute() -> None:
    """Compare a step of a decoder, in miniature, with numpy's."""
    left, right = np.random.default_rng(1).standard_normal((2, 64, 64)).astype(np.float32)
    product = torch.from_numpy(left) @ torch.from_numpy(right)
    weights = torch.softmax(product, dim=-1).numpy()
    expected = np.exp((scores := left @ right) - scores.max(axis=-1, keepdims=True))
    if np.abs(weights - expected / expected.sum(axis=-1, keepdims=True)).max() > _NEAR:
        raise ArithmeticError("torch computes wrong numbers on the processor")


def _triton() -> str:
    """Return the version of Triton; empty where the kernels cannot be had."""
    try:
        import engine.whisper.cuda.kernels.launches  # noqa: F401, PLC0415
    except ImportError:
        return ""
    try:
        return version("triton")
    except PackageNotFoundError:
        return "of an unknown version"

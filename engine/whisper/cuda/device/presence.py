"""Whether there is a GPU that this engine can use, and if not, why: one sentence, and never an error.

The only file of this room that may be imported where torch is not installed.
"""

import warnings
from types import ModuleType

# Turing: the oldest with fast float16 that CUDA 13 and Triton still know.
LEAST_CAPABILITY = (7, 5)


def cuda_problem(index: int = 0) -> str:
    """Return one sentence why a GPU cannot be used, or nothing where it can.

    It computes a number on it: a driver, a context and a kernel that fits the chip are known to be there only then. The
    first call takes as long as importing torch and making a context.

    Args:
        index: Which one, as the driver counts them.
    """
    try:
        import torch  # noqa: PLC0415  # it may not be there, and takes a second
    except ModuleNotFoundError as error:
        return _cannot_be_loaded(error) if error.name != "torch" else "PyTorch is not installed"
    except (ImportError, OSError) as error:
        return _cannot_be_loaded(error)
    if torch.version.cuda is None:
        return "this PyTorch was built without CUDA"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is told in a sentence here
            return _problem(torch, index)
    except (RuntimeError, AssertionError, OSError) as error:
        return driver_problem(_first_line(error))


def _problem(torch: ModuleType, index: int) -> str:
    torch.cuda.init()
    count = torch.cuda.device_count()
    if index >= count:
        return f"there is no NVIDIA GPU {index}: the driver shows {count or 'none'}"
    problem = chip_problem(torch.cuda.get_device_name(index), torch.cuda.get_device_capability(index))
    if not problem and torch.ones(2, device=f"cuda:{index}").sum().item() != 2.0:
        return "the GPU computes wrong numbers"
    return problem


def chip_problem(name: str, capability: tuple[int, int]) -> str:
    """Return one sentence why a chip is not enough, or nothing."""
    if capability >= LEAST_CAPABILITY:
        return ""
    least, has = (f"{major}.{minor}" for major, minor in (LEAST_CAPABILITY, capability))
    return f"{name} has compute capability {has}, and {least} is the least that is supported"


def driver_problem(said: str) -> str:
    """Return in one sentence what torch said when it would not start."""
    plain = said.lower()
    if "driver" in plain and "too old" in plain:
        return f"the NVIDIA driver is too old for this PyTorch ({said})"
    if "found no nvidia driver" in plain or "insufficient" in plain:
        return "there is no NVIDIA driver"
    if "no cuda-capable device" in plain or "no cuda gpus" in plain:
        return "the driver shows no NVIDIA GPU"
    if "no kernel image" in plain:
        return "this PyTorch holds no code for this GPU"
    return f"the GPU does not start: {said}"


def _cannot_be_loaded(error: BaseException) -> str:
    return f"PyTorch cannot be loaded: {_first_line(error)}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(". ")

"""A GPU that knows shapes, dtypes and devices, and no numbers: code for `device="cuda"` runs on a machine without one.

torch's `FakeTensorMode` does it; a torch that was built without CUDA refuses a few methods before that mode is asked,
and these are called by another way here. A tensor of the host among those of the device raises, as it would there.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402
from torch.overrides import TorchFunctionMode  # noqa: E402

_aten = torch.ops.aten


@contextmanager
def fake_gpu() -> Iterator[None]:
    """Let every tensor that is made inside be a fake; `device="cuda"` works."""
    with FakeTensorMode(), _WithoutGuards():
        yield


class _WithoutGuards(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        own = {torch.Tensor.copy_: _copy, torch.Tensor.to: _to, torch.Tensor.__setitem__: _set}.get(func)
        return own(*args, **kwargs) if own else func(*args, **kwargs)


def _copy(target, source, non_blocking=False):
    return _aten.copy_.default(target, source, non_blocking)


def _to(tensor, *args, dtype=None, device=None, non_blocking=False, copy=False, memory_format=None):
    for given in args:
        if isinstance(given, torch.Tensor):
            dtype, device = given.dtype, given.device
        elif isinstance(given, torch.dtype):
            dtype = given
        elif isinstance(given, (str, int, torch.device)) and not isinstance(given, bool):
            device = given
    dtype, device = dtype or tensor.dtype, torch.device(device or tensor.device)
    if (dtype, device.type) == (tensor.dtype, tensor.device.type) and not copy:
        return tensor
    return _aten._to_copy.default(tensor, dtype=dtype, device=device)


def _set(tensor, index, value):
    places = index if isinstance(index, tuple) else (index,)
    if not isinstance(value, torch.Tensor):
        value = torch.full((), value, dtype=tensor.dtype, device=tensor.device)
    if not any(isinstance(place, torch.Tensor) for place in places):
        _aten.copy_.default(tensor[index], value)
    elif all(isinstance(place, torch.Tensor) for place in places):
        _aten.index_put_.default(tensor, list(places), value)
    else:
        raise NotImplementedError("slices and tensors in one index")

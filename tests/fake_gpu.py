"""A GPU that knows shapes, dtypes and devices, and no numbers: code for `device="cuda"` runs on a machine without one.

torch's `FakeTensorMode` does it; a torch that was built without CUDA refuses a few methods before that mode is asked,
and these are called by another way here. A tensor of the host among those of the device raises, as it would there.

    with fake_gpu() as device:
        recognizer = ...(device)
        recognizer.recognize(window)       every number that comes back is 0, every flag is set
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra gpu)")

from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily  # noqa: E402
from torch.overrides import TorchFunctionMode  # noqa: E402

from engine.whisper.cuda.device.host import HostDevice  # noqa: E402

_aten = torch.ops.aten


@contextmanager
def fake_gpu(dtype: torch.dtype = torch.float16) -> Iterator["FakeGpu"]:
    """Let every tensor that is made inside be a fake, and yield a device for them."""
    with FakeTensorMode(allow_non_fake_inputs=True), _WithoutGuards():
        yield FakeGpu(dtype, place="cuda")


class FakeGpu(HostDevice):
    """Its page-locked memory is real, so that the host can write to it; what is fetched is zeros, flags are set."""

    def page_locked(self, shape, dtype):
        with unset_fake_temporarily():
            return super().page_locked(shape, dtype)

    def upload(self, source, target, *after):
        assert (source.device.type, target.device.type) == ("cpu", "cuda")
        return super().upload(source, target, *after)

    def fetch(self, *tensors):
        assert all(tensor.device.type == "cuda" for tensor in tensors)
        with unset_fake_temporarily():
            numbers = (torch.full(tuple(each.shape), each.dtype == torch.bool, dtype=each.dtype) for each in tensors)
            return super().fetch(*numbers)


class _WithoutGuards(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.Tensor.numpy and not isinstance(args[0], FakeTensor):
            with unset_fake_temporarily():
                return func(*args, **kwargs)
        own = _OWN.get(func)
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


def _get(tensor, index):
    """Return `tensor[index]`: numbers, slices, None and … one by one, then all tensors at once."""
    places = list(index) if isinstance(index, tuple) else [index]
    if any(place is Ellipsis for place in places):
        at = next(n for n, place in enumerate(places) if place is Ellipsis)
        taken = sum(place is not None for place in places) - 1
        places[at : at + 1] = [slice(None)] * (tensor.dim() - taken)
    axis, tensors = 0, []
    for place in places:
        if place is None:
            tensor = _aten.unsqueeze.default(tensor, axis)
        elif isinstance(place, slice):
            tensor = _aten.slice.Tensor(tensor, axis, place.start, place.stop, place.step or 1)
        elif isinstance(place, torch.Tensor):
            tensors += [None] * (axis - len(tensors)) + [place]
        else:
            tensor = _aten.select.int(tensor, axis, int(place))
            continue
        axis += 1
    _on_one_device(tensor, tensors)
    return _aten.index.Tensor(tensor, tensors) if tensors else tensor


def _set(tensor, index, value):
    places = index if isinstance(index, tuple) else (index,)
    if not isinstance(value, torch.Tensor):
        value = torch.full((), value, dtype=tensor.dtype, device=tensor.device)
    if not any(isinstance(place, torch.Tensor) for place in places):
        _aten.copy_.default(_get(tensor, index), value)
    elif all(isinstance(place, torch.Tensor) or place == slice(None) for place in places):
        tensors = [place if isinstance(place, torch.Tensor) else None for place in places]
        _on_one_device(tensor, tensors)
        _aten.index_put_.default(tensor, tensors, value)
    else:
        raise NotImplementedError("a part of an axis and tensors in one index")


def _on_one_device(tensor, tensors):
    """Raise where torch would bring an index to the GPU by itself: it waits for it, and no graph can hold that."""
    if strays := {index.device.type for index in tensors if index is not None} - {tensor.device.type}:
        raise RuntimeError(f"an index on the device {strays.pop()} into a tensor on {tensor.device}")


def _made(make):
    """Make a tensor of numbers on the host, and bring it to where it belongs."""
    return lambda *args, device=None, **kwargs: _to(make(*args, **kwargs), device=device)


_OWN = {
    torch.Tensor.copy_: _copy,
    torch.Tensor.to: _to,
    torch.Tensor.__invert__: _aten.bitwise_not.default,
    torch.Tensor.log_softmax: lambda tensor, dim: _aten.clone.default(tensor),
    torch.Tensor.contiguous: lambda tensor: _aten.clone.default(tensor, memory_format=torch.contiguous_format),
    torch.Tensor.__getitem__: _get,
    torch.Tensor.__setitem__: _set,
    torch.tensor: _made(torch.tensor),
    torch.as_tensor: _made(torch.as_tensor),
}

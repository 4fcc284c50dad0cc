"""Sees every operation of torch, and what it reads, writes and makes, for a device that records."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

# In-place operations that do not read what they overwrite.
_OVERWRITE = frozenset({"copy_", "fill_", "zero_", "normal_", "uniform_", "random_", "bernoulli_", "exponential_"})
# Those that write to some places, picked by number: it cannot be seen to which.
_PICK = ("index_put", "index_copy", "index_fill", "scatter", "masked_fill_", "masked_scatter", "put_")
_EMPTY = ("empty", "new_empty")
# Made by the host and copied to the device before torch goes on, if a device is named.
_FROM_HOST = frozenset({"tensor", "as_tensor"})
_FACTORIES = frozenset(
    {*_FROM_HOST, "zeros", "ones", "empty", "full", "arange", "rand", "randn", "randint", "eye", "linspace", "randperm"}
)
_LOOKS = frozenset({"tolist", "numpy", "cpu", "__array__"})


@dataclass(frozen=True, slots=True)
class Launch:
    """One operation.

    Attributes:
        name: As torch calls it.
        reads: Tensors.
        writes: Tensors that were there before.
        makes: Tensors of new memory.
        fills: All of what it writes to is written.
        empty: What it makes holds nothing yet.
        waits: The host goes on only when it is done.
        branches: How the program goes on hangs on the values.
        copies: It moves memory, and so may go between host and device.
        asynchronous: The host does not wait for a copy.
        of_host: What it makes is the host's.
        number: It is none: a number of Python became a tensor without dimensions, to be handed on.
        settings: Its other arguments.
    """

    name: str
    reads: tuple[Tensor, ...] = ()
    writes: tuple[Tensor, ...] = ()
    makes: tuple[Tensor, ...] = ()
    fills: bool = True
    empty: bool = False
    waits: bool = False
    branches: bool = False
    copies: bool = False
    asynchronous: bool = False
    of_host: bool = False
    number: bool = False
    settings: str = ""


class Watch:
    """Shows every operation of torch; a context manager.

    Args:
        launched: Is told of each, after it was done.
        read: Is told when the host looks at a tensor in a way that is no operation: how, and the tensor.
        of_host: Says whether a tensor would lie in the host's memory.
    """

    def __init__(
        self,
        launched: Callable[[Launch], None],
        read: Callable[[str, Tensor], None],
        of_host: Callable[[Tensor], bool],
    ) -> None:
        self._launched = launched
        self._read = read
        self._of_host = of_host
        self._calls: list[tuple[str, dict[str, Any]]] = []  # of torch's functions, the outermost first
        self._shut = 0
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(_Operations(self))
        self._open.enter_context(_Functions(self))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @contextmanager
    def shut(self) -> Iterator[None]:
        """See nothing of what is done inside."""
        self._shut += 1
        try:
            yield
        finally:
            self._shut -= 1

    def function(self, name: str, call: Callable[[], Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Take a call of torch's Python functions."""
        to_host = name == "to" and "cpu" in (*args[1:], kwargs.get("device"))
        if not self._shut and (name in _LOOKS or to_host):
            self._read(name, args[0])
        self._calls.append((name, kwargs))
        try:
            result = call()
        finally:
            self._calls.pop()
        placed = name == "to" and any(isinstance(where, torch.device) for where in (*args[1:], *kwargs.values()))
        return self._moved(result) if placed and not self._shut and self._of_host(result) else result

    def _moved(self, tensor: Tensor) -> Tensor:
        """Bring a tensor of the host to the device: torch did nothing, because both are the processor."""
        with self.shut():
            there = tensor.clone()
        self._launched(Launch("to", makes=(there,), waits=True))
        return there

    def operation(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Take an operation that was done."""
        if self._shut:
            return
        name = func.overloadpacket.__name__
        outer, outer_kwargs = self._calls[0] if self._calls else ("", {})
        if name == "lift_fresh":
            self._lifted(outer, outer_kwargs, result)
            return
        reads, writes = _arguments(func, args, kwargs, name)
        before = {_storage(tensor) for tensor in _tensors([args, kwargs])}
        makes = tuple(tensor for tensor in _tensors([result]) if _storage(tensor) not in before)
        branches = _branches(func, name, args)
        if writes or makes or branches:
            self._launched(
                Launch(
                    name,
                    tuple(reads),
                    tuple(writes),
                    makes,
                    fills=not name.startswith(_PICK),
                    empty=name.startswith(_EMPTY),
                    waits=branches,
                    branches=branches,
                    copies=name == "copy_",
                    asynchronous=name == "copy_" and bool(kwargs.get("non_blocking") or (len(args) > 2 and args[2])),
                    of_host=outer in _FACTORIES and outer_kwargs.get("device") is None,
                    settings=_settings(args, kwargs),
                )
            )

    def _lifted(self, outer: str, kwargs: dict[str, Any], made: Tensor) -> None:
        """Take what was made of numbers of Python or numpy."""
        from_host = outer in _FROM_HOST
        if from_host or not outer or outer.startswith("lift_fresh"):
            placed = from_host and kwargs.get("device") is not None
            self._launched(Launch(outer or "from_numpy", makes=(made,), of_host=not placed, waits=placed))
        else:
            self._launched(Launch("number", makes=(made,), of_host=True, number=True))


class _Operations(TorchDispatchMode):  # type: ignore[misc]  # torch is not typed here
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self._watch.operation(func, args, kwargs or {}, result)
        return result


class _Functions(TorchFunctionMode):  # type: ignore[misc]
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", str(func))
        return self._watch.function(name, lambda: func(*args, **(kwargs or {})), args, kwargs or {})


def _arguments(
    func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], name: str
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the tensors that an operation reads, and those that it writes."""
    reads: list[Tensor] = []
    writes: list[Tensor] = []
    if name.endswith("_like") or name.startswith("new_"):
        return reads, writes  # only the shape is looked at
    given = dict(zip((argument.name for argument in func._schema.arguments), args, strict=False)) | kwargs
    for argument in func._schema.arguments:
        tensors = list(_tensors([given.get(argument.name)]))
        written = argument.alias_info is not None and argument.alias_info.is_write
        if written:
            writes += tensors
        if not written or not (argument.is_out or name in _OVERWRITE or name.startswith(_PICK)):
            reads += tensors
    return reads, writes


def _branches(func: Any, name: str, args: tuple[Any, ...]) -> bool:
    """Tell whether what an operation returns, or its shape, hangs on values: the host must wait for it."""
    if name in {"index", "index_put_", "index_put"}:
        masks = any(tensor.dtype in {torch.bool, torch.uint8} for tensor in _tensors([args[1]]))
        return masks and (name == "index" or args[2].numel() != 1)  # one value is a masked fill
    return bool({torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(func.tags))


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)
        elif isinstance(value, dict):
            yield from _tensors(list(value.values()))


def _settings(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return the arguments that are no tensors, as a text to compare."""

    def plain(value: Any) -> Any:
        if isinstance(value, Tensor):
            return "·"
        return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value

    return repr((plain(args), {name: plain(value) for name, value in kwargs.items()}))


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)

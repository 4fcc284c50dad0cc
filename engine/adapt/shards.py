"""Several processes that train one model, each of which holds a part of it (ZeRO-3, torch's `fully_shard`).

A layer's weights are gathered when it is needed and let go behind it; gradients are averaged and each process keeps its
part of them, of the moments and of the weights (Rajbhandari et al., 2019, https://arxiv.org/abs/1910.02054). What stays
(the embeddings) is whole everywhere, and so is the original, which writes texts of different lengths in each process.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from engine.adapt.network import Network

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shards:
    """One of the processes that train together.

    Attributes:
        rank: Which.
        count: How many there are.
        mesh: How they reach each other; None where one is alone.
    """

    rank: int = 0
    count: int = 1
    mesh: DeviceMesh | None = None

    def split(self, network: Network) -> None:
        """Leave this process its part of a network; called in every process, before there is an optimiser."""
        if self.mesh is None:
            return
        stays = {parameter for parameter in network.parameters() if not parameter.requires_grad}
        for layer in network.decoder.layers:
            fully_shard(layer, mesh=self.mesh)
        fully_shard(network, mesh=self.mesh, ignored_params=stays)

    def own(self, items: Sequence[T]) -> Sequence[T]:
        """Return the items of a step that this process learns from: neighbours, which are views of one sound.

        Raises:
            ValueError: They are not the same number for all.
        """
        if len(items) % self.count:
            raise ValueError(f"{len(items)} items cannot be shared by {self.count} processes")
        each = len(items) // self.count
        return items[self.rank * each : (self.rank + 1) * each]

    def total(self, numbers: Tensor) -> Tensor:
        """Return the sum of every process's numbers."""
        if self.mesh is None:
            return numbers
        numbers = numbers.to(self.mesh.device_type)
        dist.all_reduce(numbers, group=self.mesh.get_group())
        return numbers.cpu()


ALONE = Shards()


@contextmanager
def together(rank: int, count: int, meeting: Path, device: torch.device) -> Iterator[Shards]:
    """Meet the other processes, and part from them at the end.

    Args:
        rank: Of this process, from 0 on.
        count: How many there are.
        meeting: A file that does not exist yet and that all of them see; it needs no port.
        device: On which this one computes; "cpu" is for tests, with GPUs each process has its own.
    """
    backend = "nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group(backend, init_method=meeting.absolute().as_uri(), rank=rank, world_size=count)
    try:
        yield Shards(rank, count, init_device_mesh(device.type, (count,)))
    finally:
        dist.destroy_process_group()


def whole(tensor: Tensor) -> Tensor:
    """Return a tensor of which every process may hold a part; all of them must ask."""
    found: Tensor = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return found


def part(tensor: Tensor, like: Tensor) -> Tensor:
    """Return this process's part of a tensor that is whole in every process."""
    if not isinstance(like, DTensor):
        return tensor
    found: Tensor = distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)
    return found

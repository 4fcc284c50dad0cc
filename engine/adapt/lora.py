"""Low-rank adaptation (Hu et al., 2021, https://arxiv.org/abs/2106.09685): beside every matrix a narrow one is trained.

What it adds begins as nothing, and is folded into the weights at the end: the model keeps its shape and its cost. Only
the narrow matrices have gradients and moments, so that a large model can be adapted where there is little memory.
"""

import math
import zlib

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.adapt.layers import Linear
from engine.adapt.network import Network, named

SCALE = 2.0  # of what is added; the paper's alpha / rank
_NARROW = ("down", "up")


class LowRank(Linear):
    """x · (weight + 2 · up · down)ᵀ + bias, of which only `up` and `down` are trained.

    Args:
        whole: Whose weight and bias these are from now on.
        rank: Width of the narrow matrices.
        seed: Of what `down` begins as; `up` begins as zeros.
    """

    def __init__(self, whole: Linear, rank: int, seed: int) -> None:
        nn.Module.__init__(self)
        self.weight, self.bias, self.unbiased = whole.weight, whole.bias, whole.unbiased
        make = torch.Generator().manual_seed(seed)
        outputs, inputs = whole.weight.shape
        down = torch.randn(rank, inputs, generator=make) / math.sqrt(inputs)
        self.down = nn.Parameter(down.to(whole.weight.device))
        self.up = nn.Parameter(torch.zeros(outputs, rank, device=whole.weight.device))

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, outputs] of [n, inputs]."""
        return torch.addmm(super().forward(x), functional.linear(x, self.down), self.up.T, alpha=SCALE)

    def folded(self) -> Tensor:
        """Return the one weight that does the same."""
        return torch.addmm(self.weight, self.up, self.down, alpha=SCALE)


def narrow(network: Network, rank: int) -> None:
    """Let nothing of a network be trained but matrices of a low rank beside those of its linear layers.

    Args:
        network: Changed.
        rank: Width of these matrices, 1 and more.
    """
    for parameter in network.parameters():
        parameter.requires_grad_(requires_grad=False)
    for place, module in list(network.named_modules()):
        for name, layer in list(module.named_children()):
            if isinstance(layer, Linear):
                setattr(module, name, LowRank(layer, rank, zlib.crc32(f"{place}.{name}".encode())))


@torch.no_grad()
def folded(network: Network) -> dict[str, Tensor]:
    """Return the weights of a network by CTranslate2's names, with what was trained beside them folded in."""
    found = {name: parameter.detach() for name, parameter in named(network) if not name.endswith(_NARROW)}
    for place, module in network.named_modules():
        if isinstance(module, LowRank):
            found[f"{place}.weight".replace(".", "/")] = module.folded()
    return found

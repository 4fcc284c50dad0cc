"""Fewer bits for the weights: int8 everywhere, or an encoder that multiplies in 8-bit floats.

Both quantise each row of a matrix by itself, so that its largest weight is the largest number of the type. int8 halves
what a token step must read, and the memory; numbers are widened where they are used. FP8 (e4m3) halves the time of the
encoder's products where the chip has them (compute capability 8.9 and up); what goes in is quantised as well, row by
row as it comes. Elsewhere, and on the processor, the same numbers are made in float32.

Which of them a model may use is measured, not believed: `tests/benchmarks/precision.py`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.whisper.cuda.model.dims import Precision
from engine.whisper.cuda.model.layers import Linear, Precise

_INT8_MOST = 127.0
_FP8 = torch.float8_e4m3fn
_FP8_MOST = torch.finfo(_FP8).max  # 448
_PRODUCT = torch.bfloat16  # with scales by rows no other type comes out on every chip (torch, `ScaledBlas.cpp`)
_LEAST = 1e-12  # of a scale: a row of zeros has one, too
_FIRST_WITH_FP8 = (8, 9)  # compute capability


def precise(precision: Precision) -> Precise | None:
    """Return what `Whisper` is to make of its layers, or None for what they are."""
    if precision is Precision.FLOAT16:
        return None
    make = int8 if precision is Precision.INT8 else fp8
    return lambda name, layer: make(layer) if precision.keeps_in_8_bits(name) else layer


def int8(layer: Linear) -> Linear:
    """Return a layer with its weight in int8."""
    weight, scales = _by_rows(layer.weight, _INT8_MOST)
    return Linear(weight.round().to(torch.int8), layer.bias, scales[:, 0])


def fp8(layer: Linear) -> Linear:
    """Return a layer that multiplies in 8-bit floats."""
    weight, scales = _by_rows(layer.weight, _FP8_MOST)
    return Fp8Linear(weight.to(_FP8), layer.bias, scales[:, 0])


@dataclass(frozen=True, slots=True)
class Fp8Linear(Linear):
    """x · weightᵀ + bias, both factors in e4m3, with a scale for each row of either."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return [..., out] of x [..., in]."""
        rows, scales = _by_rows(x.flatten(0, -2), _FP8_MOST)
        product = _product(rows.to(_FP8), scales, self.weight, self.scales).to(x.dtype)
        product = product if self.bias is None else product + self.bias
        return product.unflatten(0, x.shape[:-1])


def _product(x: Tensor, scales: Tensor, weight: Tensor, weight_scales: Tensor) -> Tensor:
    """Return x · weightᵀ of e4m3, times the scales of both, [rows, 1] and [out]."""
    if x.is_cuda and torch.cuda.get_device_capability(x.device) >= _FIRST_WITH_FP8:
        return torch._scaled_mm(x, weight.t(), scales, weight_scales[None, :], out_dtype=_PRODUCT)
    return (functional.linear(x.float(), weight.float()) * scales * weight_scales).to(_PRODUCT)


def _by_rows(x: Tensor, most: float) -> tuple[Tensor, Tensor]:
    """Return float32 x of which the largest in each row is `most`, and the scales [rows, 1] that undo it."""
    x = x.float()
    scales = (x.abs().amax(1, keepdim=True) / most).clamp(min=_LEAST)
    return x / scales, scales

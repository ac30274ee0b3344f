"""Spatially variant gradient layer (paper, section 3.3): identity forward, weighted gradient backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _SpatiallyVariantGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight_map: Tensor) -> Tensor:
        ctx.save_for_backward(weight_map)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (weight_map,) = ctx.saved_tensors
        return grads[0] * weight_map, None


def weight_gradient(x: Tensor, weight_map: Tensor) -> Tensor:
    """Return `x` unchanged; gradients that flow back through it are multiplied by `weight_map`.

    Args:
        x: Image batch [B, C, H, W].
        weight_map: [B, 1, H, W] in [0, 1].
    """
    return _SpatiallyVariantGradient.apply(x, weight_map)  # type: ignore[no-any-return]

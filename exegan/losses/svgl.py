"""Spatially variant gradient layer, SVGL (paper, section 3.3).

The exemplar should decide what is deep inside the hole, the surroundings what is near its boundary. The losses cannot
say so, since style encoder and perceptual network see the whole image; their gradients can. The layer is the identity
forward and multiplies the gradient of each pixel by a weight map backward:

    forward   y = x
    backward  dL/dx = W * dL/dy

`weight_gradient` is the layer. The weight maps come from the mask alone:

| paper | here | meaning |
|---|---|---|
| M | `mask` | 1 = hole |
| M_w | `boundary_weight` | confidence: the known pixels, blurred into the hole seven times; for the perceptual term |
| A | `interior_weight` | (1 - M_w) * M, stretched to [0, 1]; for the attribute term |
|   | `rim_weight` | a band on both sides of the boundary; for the term `rim`, which the paper does not have |
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_REFERENCE_SIDE, _REFERENCE_RESOLUTION = 65, 256
_SIGMA = 1 / 40
_ROUNDS = 7


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


def boundary_weight(mask: Tensor) -> Tensor:
    """Confidence map: high at the hole's rim, falling towards its middle, 0 on known pixels.

    Args:
        mask: [B, 1, R, R], 1 = hole.

    Returns:
        [B, 1, R, R] in [0, 1]; the mask itself where everything is hole, since nothing is known to start from.
    """
    known = 1 - mask
    confidence = torch.zeros_like(mask)
    for _ in range(_ROUNDS):
        # Rounding may lift an average of ones a hair above 1.
        confidence = (_blur(confidence + known) * mask).clamp(max=1)
    no_boundary = known.amax(dim=(1, 2, 3), keepdim=True) == 0
    return torch.where(no_boundary, mask, confidence)


def interior_weight(mask: Tensor) -> Tensor:
    """Attribute weight map: 0 on known pixels, 1 where the hole is least certain, stretched for each sample.

    Args:
        mask: [B, 1, R, R], 1 = hole.

    Returns:
        [B, 1, R, R] in [0, 1]; the mask itself where the hole is everything or nothing.
    """
    doubt = (1 - boundary_weight(mask)) * mask
    low, high = doubt.amin(dim=(1, 2, 3), keepdim=True), doubt.amax(dim=(1, 2, 3), keepdim=True)
    flat = high <= low
    return torch.where(flat, mask, (doubt - low) / torch.where(flat, 1.0, high - low))


def rim_weight(mask: Tensor) -> Tensor:
    """Weight of a band along the rim, on both of its sides: about 1 at the rim, 0 beyond 1/16 of the side from it.

    Args:
        mask: [B, 1, R, R], 1 = hole.

    Returns:
        [B, 1, R, R] in [0, 1]; 0 where everything or nothing is hole.
    """
    half = max(1, mask.shape[-1] // 16)
    # Along rows, then columns: the mean over a square at a fraction of its cost.
    share_known = 1 - mask
    for across, down in ((half, 0), (0, half)):
        window = (2 * down + 1, 2 * across + 1)
        share_known = F.avg_pool2d(share_known, window, stride=1, padding=(down, across), count_include_pad=False)
    other_side = torch.where(mask > 0, share_known, 1 - share_known)
    return (2 * other_side).clamp(max=1)


def kernel_side(resolution: int) -> int:
    """Odd side of the blur: the original's 65 px at 256 px, in proportion elsewhere."""
    return 2 * (_REFERENCE_SIDE * resolution // _REFERENCE_RESOLUTION // 2) + 1


@lru_cache(maxsize=8)
def _blur_taps(side: int) -> Tensor:
    """The original's kernel along one axis [side], float32.

    It is the square root of the differences of the normal distribution function at side + 1 points over
    ±(sigma + interval / 2); with sigma = 1/40 nearly a box.
    """
    interval = (2 * _SIGMA + 1) / side
    points = torch.linspace(-_SIGMA - interval / 2, _SIGMA + interval / 2, side + 1, dtype=torch.float64)
    taps = (0.5 * (1 + torch.erf(points / math.sqrt(2)))).diff().sqrt()
    return (taps / taps.sum()).float()


def _blur(x: Tensor) -> Tensor:
    side = kernel_side(x.shape[-1])
    taps = _blur_taps(side).to(x)
    half = side // 2
    x = F.pad(x, (half, half, half, half), mode="reflect")
    return F.conv2d(F.conv2d(x, taps.view(1, 1, 1, -1)), taps.view(1, 1, -1, 1))

"""The two published recipes of random transforms in front of a discriminator.

Draws come from PyTorch's default CPU generator, so that a seed gives the same ones on every device.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from exegan.ops.transform import (
    Transform,
    brighten,
    chain,
    contrast,
    flip_brightness,
    rotate,
    saturate,
    scale,
    translate,
    turn_hue,
)


def draw_diffaugment(batch: int, size_hw: tuple[int, int], color: bool, geometry: bool, cutout: bool) -> Transform:
    """Draw DiffAugment (Zhao et al. 2020), which transforms every sample.

    Colour: brightness ±0.5, saturation 0 to 2, contrast 0.5 to 1.5 about mid-grey. Geometry: a shift of whole pixels up
    to an eighth of a side. Cutout: a square of half a side, its centre anywhere in the picture.
    """
    sides = torch.tensor([float(side) for side in size_hw])
    brightness, saturation, contrasts = torch.rand(3, batch)
    recolor = chain(brighten(brightness - 0.5), saturate(2 * saturation), contrast(0.5 + contrasts))
    furthest = (sides / 8).floor()
    shift = (torch.rand(batch, 2) * (2 * furthest + 1)).floor() - furthest
    corner = (torch.rand(batch, 2) * sides).floor() - (sides / 4).floor()
    return Transform(
        recolor if color else None, translate(shift.flip(1)) if geometry else None, corner if cutout else None
    )


def draw_ada(batch: int, size_hw: tuple[int, int], color: bool, geometry: bool, p: float) -> Transform:
    """Draw ADA's transforms (Karras et al. 2020, appendix B, without filters and corruptions), each with chance `p`."""
    recolor = _ada_color(batch, p) if color else None
    return Transform(recolor, _ada_affine(batch, size_hw, p) if geometry else None)


def _ada_affine(batch: int, size_hw: tuple[int, int], p: float) -> Tensor:
    """Pixel blitting (mirror, quarter turns, whole-pixel shift), then zoom, turn, stretch, turn, shift → [B, 3, 3]."""
    size_xy = torch.tensor([float(size_hw[1]), float(size_hw[0])])
    # The turns before and after the stretch have chance p together.
    p_turn = 1 - math.sqrt(1 - p)
    mirror = _maybe(p, 1 - 2.0 * torch.randint(0, 2, (batch,)), 1)
    quarters = _maybe(p, math.pi / 2 * torch.randint(0, 4, (batch,)), 0)
    whole = _maybe(p, ((torch.rand(batch, 2) - 0.5) / 4 * size_xy).round(), 0)
    zoom = _maybe(p, torch.exp2(0.2 * torch.randn(batch)), 1)
    before, after = (_maybe(p_turn, math.pi * (2 * torch.rand(batch) - 1), 0) for _ in range(2))
    stretch = _maybe(p, torch.exp2(0.2 * torch.randn(batch)), 1)
    shift = _maybe(p, torch.randn(batch, 2) / 8 * size_xy, 0)
    return chain(
        scale(mirror, torch.ones(batch)),
        rotate(quarters),
        translate(whole),
        scale(zoom, zoom),
        rotate(before),
        scale(stretch, 1 / stretch),
        rotate(after),
        translate(shift),
    )


def _ada_color(batch: int, p: float) -> Tensor:
    """Brightness, contrast, brightness flip, hue, saturation → [B, 4, 4]."""
    return chain(
        brighten(_maybe(p, 0.2 * torch.randn(batch), 0)),
        contrast(_maybe(p, torch.exp2(0.5 * torch.randn(batch)), 1)),
        flip_brightness(_maybe(p, torch.randint(0, 2, (batch,)).float(), 0)),
        turn_hue(_maybe(p, math.pi * (2 * torch.rand(batch) - 1), 0)),
        saturate(_maybe(p, torch.exp2(torch.randn(batch)), 1)),
    )


def _maybe(p: float, drawn: Tensor, neutral: float) -> Tensor:
    """`drawn` [B] or [B, 2] for a share `p` of the samples, `neutral` for the others."""
    chosen = torch.rand(len(drawn)) < p
    return torch.where(chosen if drawn.ndim == 1 else chosen[:, None], drawn, neutral)

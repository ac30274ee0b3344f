"""Values known around a hole, carried smoothly into it and fading on the way."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

BAND = 1 / 12
"""How far a difference at the rim reaches into the hole, as a share of the side of the face's aligned crop."""

_SMOOTHING_ROUNDS = 8


def extend_inwards(values: Tensor, known: Tensor, band: float) -> Tensor:
    """Carry values from known cells smoothly into unknown ones.

    A pyramid: averages of the known cells at ever coarser levels, then from the coarsest back down each unknown cell
    takes the level above, smoothed so that no step is left at the rim. Above the coarsest level everything is 0.

    Args:
        values: [1, C, H, W]; of a cell that is known in part, the mean of that part.
        known: [1, 1, H, W] in [0, 1], the known share of each cell.
        band: Reach in cells, taken as the nearest power of two; about half is left there, little at twice that.

    Returns:
        [1, C, H, W]; on cells that are known wholly, `values`.
    """
    return _fill(values * known, known, max(1, round(math.log2(max(band, 2)))))


def _fill(values: Tensor, weight: Tensor, levels: int) -> Tensor:
    """One level: `values` [1, C, H, W] already multiplied by `weight` [1, 1, H, W], the known share of each cell."""
    above = torch.zeros_like(values)
    if levels > 0 and min(values.shape[-2:]) > 1:
        halves = [F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False) for x in (values, weight)]
        filled = _fill(halves[0], halves[1], levels - 1)
        above = F.interpolate(filled, scale_factor=2, mode="bilinear")[..., : values.shape[-2], : values.shape[-1]]
        for _ in range(_SMOOTHING_ROUNDS):
            above = _mean3(values + (1 - weight) * above)
    return values + (1 - weight) * above


def _mean3(picture: Tensor) -> Tensor:
    """Means over 3x3 cells, the rim repeated: sums of shifted rows and columns, faster than pooling on a CPU."""
    padded = F.pad(picture, (1, 1, 1, 1), mode="replicate")
    rows = padded[..., :-2] + padded[..., 1:-1] + padded[..., 2:]
    return (rows[..., :-2, :] + rows[..., 1:-1, :] + rows[..., 2:, :]) / 9

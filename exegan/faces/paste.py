"""Putting a completed crop back into its photo, inside the hole only and without a visible seam.

Inside the hole the generated picture is warped back at the photo's resolution. At the hole's rim it differs a little
from the photo in light and colour; that difference, known on the rim's outer side, is carried smoothly into the hole
and added. The hole's old content plays no part in this, but for hole pixels beyond the crop: they stay visible, and so
count as known.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from exegan.faces.align import Affine, Box, crop_box, crop_side, invert_affine, shifted, warp
from exegan.images import to_tensor, to_uint8
from exegan.ops.resample import resize

_BAND = 1 / 12
_SMOOTHING_ROUNDS = 8


def paste(photo: NDArray[np.uint8], fake: Tensor, mask: NDArray[np.bool_], affine: Affine) -> NDArray[np.uint8]:
    """Fill a photo's hole from a generated crop.

    Args:
        photo: uint8 RGB [H, W, 3].
        fake: The generator's whole picture [3, R, R], about [-1, 1], known part included.
        mask: Bool [H, W], True = hole.
        affine: Photo → crop.

    Returns:
        uint8 RGB [H, W, 3]. Pixels outside the hole, and hole pixels outside the crop, are the photo's.
    """
    resolution = fake.shape[-1]
    result: NDArray[np.uint8] = photo.copy()
    band = crop_side(affine, resolution) * _BAND
    box = hole_box(mask, crop_box(affine, resolution, mask.shape, margin=0), math.ceil(band))
    if box is None:
        return result
    left, top, right, bottom = box
    part, hole = photo[top:bottom, left:right], torch.from_numpy(mask[top:bottom, left:right].copy())
    hole &= inside_crop(shifted(affine, left, top), resolution, part.shape[:2])
    if not hole.any():
        return result
    picture, side = fake[None].float(), math.ceil(crop_side(affine, resolution))
    if side < resolution:  # warping does not filter, and a picture larger than its place would alias
        picture = resize(picture, side)
    back = invert_affine(shifted(affine, left, top) * (picture.shape[-1] / resolution))
    generated = warp(picture, back, part.shape[:2], "bicubic", padding="border")[0]
    generated += extend_inwards(to_tensor(part)[0] - generated, ~hole, band)
    pixels = to_uint8(generated[None])[0]
    result[top:bottom, left:right] = np.where(hole.numpy()[:, :, None], pixels, part)
    return result


def hole_box(mask: NDArray[np.bool_], box: Box, margin: int) -> Box | None:
    """Bounding box of the hole's part in `box`, with a margin cut at the photo's rim; None where there is no hole.

    A large photo costs only what its hole needs; the margin holds the known pixels that the seam is blended from.
    """
    left, top, right, bottom = box
    part = mask[top:bottom, left:right]
    columns, rows = (np.flatnonzero(part.any(axis=axis)) for axis in (0, 1))
    if not rows.size:
        return None
    height, width = mask.shape
    lowest = max(0, left + int(columns[0]) - margin), max(0, top + int(rows[0]) - margin)
    return *lowest, min(width, left + int(columns[-1]) + 1 + margin), min(height, top + int(rows[-1]) + 1 + margin)


def inside_crop(affine: Affine, resolution: int, size_hw: tuple[int, ...]) -> Tensor:
    """Bool [H, W]: photo pixels whose centre lies in the crop."""
    height, width = size_hw
    y = torch.arange(height, dtype=torch.float64)[:, None] + 0.5
    x = torch.arange(width, dtype=torch.float64)[None, :] + 0.5
    inside = torch.ones(height, width, dtype=torch.bool)
    for a, b, c in affine.tolist():
        position = a * x + b * y + c
        inside &= (position >= 0) & (position <= resolution)
    return inside


def hole_outside_crop(mask: NDArray[np.bool_], affine: Affine, resolution: int) -> float:
    """Share of a hole's pixels that the crop does not reach, in [0, 1]."""
    left, top, right, bottom = crop_box(affine, resolution, mask.shape, margin=0)
    reached = torch.from_numpy(mask[top:bottom, left:right].copy())
    reached &= inside_crop(shifted(affine, left, top), resolution, reached.shape)
    return 1 - int(reached.sum()) / int(mask.sum())


def extend_inwards(values: Tensor, known: Tensor, band: float) -> Tensor:
    """Carry values from known pixels smoothly into unknown ones, fading on the way.

    A pyramid: averages of the known pixels at ever coarser levels, then from the coarsest back down each unknown pixel
    takes the level above, smoothed so that no step is left at the rim. Above the coarsest level everything is 0.

    Args:
        values: [C, H, W]; what is in unknown pixels is ignored.
        known: Bool [H, W].
        band: Reach in pixels, taken as the nearest power of two; about half is left there, little at twice that.

    Returns:
        [C, H, W], equal to `values` on known pixels.
    """
    weight = known[None, None].to(values.dtype)
    return _fill(torch.where(weight > 0, values[None], 0.0), weight, max(1, round(math.log2(max(band, 2)))))[0]


def _fill(values: Tensor, weight: Tensor, levels: int) -> Tensor:
    """One level: `values` [1, C, H, W] already multiplied by `weight` [1, 1, H, W], the known share of each cell."""
    above = torch.zeros_like(values)
    if levels > 0 and min(values.shape[-2:]) > 1:
        halves = [F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False) for x in (values, weight)]
        filled = _fill(halves[0], halves[1], levels - 1)
        above = F.interpolate(filled, scale_factor=2, mode="bilinear")[..., : values.shape[-2], : values.shape[-1]]
        for _ in range(_SMOOTHING_ROUNDS):
            mixed = values + (1 - weight) * above
            above = F.avg_pool2d(F.pad(mixed, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return values + (1 - weight) * above

"""Putting a completed crop back into its photo, inside the hole only and without a visible seam.

Inside the hole the generated picture is warped back at the photo's resolution. At the hole's rim it differs a little
from the photo in light and colour; that difference, known on the rim's outer side, is carried smoothly into the hole
and added (`extend_inwards`). The hole's old content plays no part in this, but for hole pixels beyond the crop: they
stay visible, and so count as known.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from exegan.faces.align import Affine, Box, crop_box, crop_side, invert_affine, shifted, warp
from exegan.io import to_uint8
from exegan.ops.image import block_means, resize

BAND = 1 / 12
"""How far a difference at the rim reaches into the hole, as a share of the side of the face's aligned crop."""
_SMOOTHING_ROUNDS = 8
# Cells along the crop's side in which the difference at the rim is measured and carried inwards: in the face's own
# units, so that a seam looks the same at every size of face. Powers of two, since the reach is one.
_FEWEST_CELLS, _MOST_CELLS = 32, 512
_FINER = 4
# Rows that are warped at once: a large hole then takes no more memory than a middling one.
_ROWS = 512


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


def paste(
    photo: NDArray[np.uint8], fake: Tensor, mask: NDArray[np.bool_], affine: Affine, *, blend: bool = True
) -> NDArray[np.uint8]:
    """Fill a photo's hole from a generated crop.

    Args:
        photo: uint8 RGB [H, W, 3].
        fake: The generator's whole picture [3, R, R], about [-1, 1], known part included.
        mask: Bool [H, W], True = hole.
        affine: Photo → crop.
        blend: Carry light and colour from the rim into the hole; False fills it with the generated pixels as they are.

    Returns:
        uint8 RGB [H, W, 3]. Pixels outside the hole, and hole pixels outside the crop, are the photo's.
    """
    resolution, side = fake.shape[-1], crop_side(affine, fake.shape[-1])
    result: NDArray[np.uint8] = photo.copy()
    box = hole_box(mask, crop_box(affine, resolution, mask.shape, margin=0), math.ceil(side * BAND))
    if box is None:
        return result
    left, top, right, bottom = box
    part, inside = photo[top:bottom, left:right], shifted(affine, left, top)
    hole = mask[top:bottom, left:right] & inside_crop(inside, resolution, (bottom - top, right - left))
    if not hole.any():
        return result
    picture = fake[None].float()
    if math.ceil(side) < resolution:  # warping does not filter, and a picture larger than its place would alias
        picture = resize(picture, math.ceil(side))
    back = invert_affine(inside * (picture.shape[-1] / resolution))
    membrane = _measure_membrane(part, hole, picture, back, side) if blend else picture.new_zeros(1, 3, 1, 1)
    target = result[top:bottom, left:right]
    for first in range(0, hole.shape[0], _ROWS):
        rows = slice(first, min(first + _ROWS, hole.shape[0]))
        if hole[rows].any():
            target[rows] = _fill_rows(target[rows], hole[rows], picture, back, membrane, first, hole.shape)
    return result


def _measure_membrane(
    part: NDArray[np.uint8], hole: NDArray[np.bool_], picture: Tensor, back: Affine, side: float
) -> Tensor:
    """What has to be added inside the hole, on a grid of cells over `part`: [1, 3, h, w], in grey levels of 2 / 255.

    Photo and generated picture are compared on a finer grid than the difference is carried on: a cell at the rim is
    known in part, and there both must be looked at in the same place.
    """
    cells = min(_MOST_CELLS, max(_FEWEST_CELLS, 2 ** int(math.log2(side))))
    finer = min(_FINER, max(1, round(side / cells)))
    height, width = (finer * max(1, round(pixels * cells / side)) for pixels in hole.shape)
    known = _shrink(torch.from_numpy(~hole)[None, None], (height, width))
    # The hole's own pixels are left out before averaging, not after.
    visible = torch.from_numpy(np.where(hole[:, :, None], 0, part)).permute(2, 0, 1)[None]
    photo = _shrink(visible, (height, width)) / known.clamp_min(1e-6)
    to_cells = np.array([[width / hole.shape[1]], [height / hole.shape[0]]])
    generated = (warp(picture, back * to_cells, (height, width), "bicubic", padding="border") + 1) * 127.5
    difference = block_means((photo - generated) * known, finer)
    known = block_means(known, finer)
    return extend_inwards(difference / known.clamp_min(1e-6), known, cells * BAND)


def _shrink(picture: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Means over cells of [1, C, H, W], channel after channel, since a photo in floats is four times as large."""
    if picture.shape[-2:] == size_hw:
        return picture.float()
    channels = [F.interpolate(channel[:, None].float(), size_hw, mode="area") for channel in picture.unbind(1)]
    return torch.cat(channels, dim=1)


def _fill_rows(
    part: NDArray[np.uint8],
    hole: NDArray[np.bool_],
    picture: Tensor,
    back: Affine,
    membrane: Tensor,
    first: int,
    whole_hw: tuple[int, ...],
) -> NDArray[np.uint8]:
    """Some rows of the hole's box, filled."""
    columns = np.flatnonzero(hole.any(axis=0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    size_hw = hole.shape[0], right - left
    generated = warp(picture, shifted_back(back, left, first), size_hw, "bicubic", padding="border")
    # From pixels of these rows to cells of the membrane.
    scale = np.array([membrane.shape[-1] / whole_hw[1], membrane.shape[-2] / whole_hw[0]])
    from_cells = np.array([[1 / scale[0], 0, -left], [0, 1 / scale[1], -first]])
    generated += warp(membrane, from_cells, size_hw, "bilinear", padding="border") / 127.5
    filled: NDArray[np.uint8] = part.copy()
    np.copyto(filled[:, left:right], to_uint8(generated)[0], where=hole[:, left:right, None])
    return filled


def shifted_back(back: Affine, left: float, top: float) -> Affine:
    """An affine into a photo, for one whose left and top pixels are cut off."""
    return np.column_stack([back[:, :2], back[:, 2] - np.array([left, top])])


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


def inside_crop(affine: Affine, resolution: int, size_hw: tuple[int, ...]) -> NDArray[np.bool_]:
    """Bool [H, W]: photo pixels whose centre lies in the crop."""
    y = (np.arange(size_hw[0], dtype=np.float32) + 0.5)[:, None]
    x = (np.arange(size_hw[1], dtype=np.float32) + 0.5)[None, :]
    inside = np.ones(size_hw, dtype=np.bool_)
    for a, b, c in affine.astype(np.float32):
        position = a * x + (b * y + c)
        inside &= (position >= 0) & (position <= resolution)
    return inside


def hole_outside_crop(mask: NDArray[np.bool_], affine: Affine, resolution: int) -> float:
    """Share of a hole's pixels that the crop does not reach, in [0, 1]."""
    left, top, right, bottom = crop_box(affine, resolution, mask.shape, margin=0)
    part = mask[top:bottom, left:right]
    reached = np.count_nonzero(part & inside_crop(shifted(affine, left, top), resolution, part.shape))
    return 1 - int(reached) / int(np.count_nonzero(mask))

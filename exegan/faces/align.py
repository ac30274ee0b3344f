"""The FFHQ crop: similarity transform between a photo and an aligned square face, and warps along it.

Coordinates are continuous, (x, y) with x to the right and y down: pixel (i, j) spans [i, i + 1] × [j, j + 1], its
centre is at (i + 0.5, j + 0.5). An affine is [2, 3] and maps photo points to crop points.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from kornia.filters import gaussian_blur2d
from kornia.geometry.transform import warp_affine
from numpy.typing import NDArray
from torch import Tensor

from exegan.ops.image import block_means

Affine = NDArray[np.float64]
Box = tuple[int, int, int, int]

_PROBES = 128
# How far beyond the photo's rim, as a share of the crop's side, its mirror image is all blur, and all median colour.
_BLURRED_AT, _FADED_AT, _BLUR = 0.05, 0.3, 0.02


def ffhq_affine(landmarks5: NDArray[np.float64], resolution: int) -> Affine:
    """Photo → crop, the alignment that FFHQ and CelebA-HQ were made with (Karras et al. 2018, appendix C).

    The crop's axes follow the mean of the line between the eyes and the normal of the line from eyes to mouth; its side
    is the larger of four eye distances and 3.6 eye-to-mouth distances.

    Args:
        landmarks5: [5, 2] as in `faces.detect.Face`.
        resolution: Side of the crop in pixels.
    """
    left_eye, right_eye, _, left_mouth, right_mouth = landmarks5
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    across, down = right_eye - left_eye, mouth - eyes
    x_axis = across - np.array([-down[1], down[0]])
    x_axis /= np.hypot(*x_axis)
    x_axis *= max(np.hypot(*across) * 2.0, np.hypot(*down) * 1.8)
    centre = eyes + 0.1 * down
    # x_axis is half a side long, so |x_axis|² / (resolution / 2) normalises a projection onto it to crop pixels.
    rows = np.stack([x_axis, [-x_axis[1], x_axis[0]]]) * (resolution / 2 / (x_axis @ x_axis))
    return np.column_stack([rows, resolution / 2 - rows @ centre])


def invert_affine(affine: Affine) -> Affine:
    """The affine that leads back."""
    inverse = np.linalg.inv(affine[:, :2])
    return np.column_stack([inverse, -inverse @ affine[:, 2]])


def crop_side(affine: Affine, resolution: int) -> float:
    """Side of the crop in photo pixels."""
    return resolution / math.hypot(affine[0, 0], affine[1, 0])


def crop_box(affine: Affine, resolution: int, size_hw: tuple[int, int], margin: float) -> Box:
    """Bounding box (left, top, right, bottom) of the crop in the photo with a margin in pixels, cut at the photo's rim.

    A crop that lies outside the photo gives the nearest box that is one pixel wide or high.
    """
    corners = np.array([[0, 0], [resolution, 0], [0, resolution], [resolution, resolution]])
    back = invert_affine(affine)
    points = corners @ back[:, :2].T + back[:, 2]
    height, width = size_hw
    left, top = np.floor(points.min(axis=0) - margin).astype(int)
    right, bottom = np.ceil(points.max(axis=0) + margin).astype(int)
    left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    return left, top, max(min(right, width), left + 1), max(min(bottom, height), top + 1)


def crop_outside_photo(affine: Affine, resolution: int, size_hw: tuple[int, int]) -> float:
    """Share of a crop's area that lies beyond the photo's rim and is padded there, in [0, 1] to about a hundredth.

    Args:
        affine: Photo → crop.
        resolution: Side of the crop.
        size_hw: Height and width of the photo.
    """
    steps = (np.arange(_PROBES) + 0.5) * (resolution / _PROBES)
    return float((_beyond_rim(affine, resolution, size_hw, steps) > 0).mean())


def shifted(affine: Affine, left: float, top: float) -> Affine:
    """The same affine for a photo whose left and top pixels are cut off."""
    return np.column_stack([affine[:, :2], affine[:, 2] + affine[:, :2] @ np.array([left, top])])


def warp(picture: Tensor, affine: Affine, size_hw: tuple[int, int], mode: str, padding: str = "reflection") -> Tensor:
    """Warp [1, C, H, W] along an affine into a picture of another size, without filtering.

    Args:
        picture: Float picture.
        affine: From points of `picture` to points of the result.
        size_hw: Height and width of the result.
        mode: `nearest`, `bilinear` or `bicubic`.
        padding: What lies beyond the picture: `reflection`, `border` or `zeros`.
    """
    if np.array_equal(affine[:, :2], np.eye(2)) and (moved := _moved(picture, affine[:, 2], size_hw)) is not None:
        return moved
    # kornia counts from the centre of the first pixel, half a pixel off ours.
    centred = affine.copy()
    centred[:, 2] += affine[:, :2] @ np.array([0.5, 0.5]) - 0.5
    matrix = torch.from_numpy(centred)[None].to(picture)
    return warp_affine(picture, matrix, size_hw, mode=mode, padding_mode=padding, align_corners=True)


def _moved(picture: Tensor, offset_xy: NDArray[np.float64], size_hw: tuple[int, int]) -> Tensor | None:
    """A warp by whole pixels that stays within the picture is a part of it; None for any other."""
    left, top = (-offset_xy).tolist()
    right, bottom = left + size_hw[1], top + size_hw[0]
    inside = left >= 0 and right <= picture.shape[-1] and top >= 0 and bottom <= picture.shape[-2]
    if not (inside and left.is_integer() and top.is_integer()):
        return None
    return picture[..., int(top) : int(bottom), int(left) : int(right)].clone()


def _steps(affine: Affine, resolution: int) -> int:
    """Samples along a crop pixel's side, so that there is one at least every photo pixel."""
    return max(1, math.ceil(crop_side(affine, resolution) / resolution))


def _sample(picture: Tensor, affine: Affine, resolution: int, mode: str) -> Tensor:
    """Crop of a float picture [1, C, H, W], mirrored beyond its rim: sampled, then averaged."""
    steps = _steps(affine, resolution)
    side = steps * resolution
    return block_means(warp(picture, affine * steps, (side, side), mode), steps)


def _blocks(affine: Affine, resolution: int) -> int:
    """Side in pixels of the blocks that a photo may be put together to before sampling, at least three a crop pixel."""
    return max(1, int(crop_side(affine, resolution) / resolution / 3))


def _padded(part: Tensor, block: int) -> Tensor:
    """[1, C, H, W] with its last rows and columns repeated until both sides are whole blocks."""
    down, right = -part.shape[-2] % block, -part.shape[-1] % block
    return F.pad(part, (0, right, 0, down), mode="replicate") if down or right else part


def warp_crop(
    photo: NDArray[np.uint8], affine: Affine, resolution: int, hole: NDArray[np.float32] | None = None
) -> NDArray[np.uint8]:
    """Aligned crop of a photo, antialiased where it shrinks.

    Where it leaves the photo it is padded as FFHQ is: mirrored, blurred, and fading to the median colour, so that no
    second, upside-down face appears beyond the rim of a close-up.

    Args:
        photo: uint8 RGB [H, W, 3]; only the crop's surroundings are touched.
        affine: Photo → crop.
        resolution: Side of the crop.
        hole: float [resolution, resolution] from `warp_mask`, above 0 where the padding must not look.

    Returns:
        uint8 RGB [resolution, resolution, 3].
    """
    block = _blocks(affine, resolution)
    left, top, right, bottom = crop_box(affine, resolution, photo.shape[:2], margin=2 * block)
    part = torch.from_numpy(photo[top:bottom, left:right].copy()).permute(2, 0, 1)[None]
    # A channel at a time: a photo in floats is four times as large.
    channels = [block_means(_padded(channel[:, None].float(), block), block) for channel in part.unbind(1)]
    mode = "bicubic" if _steps(affine, resolution) == 1 else "bilinear"
    crop = _sample(torch.cat(channels, dim=1), _in_blocks(shifted(affine, left, top), block), resolution, mode)
    size_hw = photo.shape[0], photo.shape[1]
    centres = np.arange(resolution) + 0.5
    # A photo holds all of a crop whose corners it holds, as it does of most.
    if _beyond_rim(affine, resolution, size_hw, centres[[0, -1]]).any():
        crop = _padding_faded(crop, _beyond_rim(affine, resolution, size_hw, centres), hole)
    array: NDArray[np.uint8] = crop[0].clamp(0, 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return array


def _beyond_rim(
    affine: Affine, resolution: int, size_hw: tuple[int, int], steps: NDArray[np.floating]
) -> NDArray[np.float32]:
    """How far points of a crop, at these steps along both sides, lie beyond the photo's rim, in sides of the crop."""
    back = invert_affine(affine)
    x, y = (row[0] * steps[None, :] + row[1] * steps[:, None] + row[2] for row in back)
    height, width = size_hw
    across, down = np.maximum(np.maximum(-x, x - width), 0), np.maximum(np.maximum(-y, y - height), 0)
    distance: NDArray[np.float32] = (np.hypot(across, down) / crop_side(affine, resolution)).astype(np.float32)
    return distance


def _padding_faded(crop: Tensor, beyond: NDArray[np.float32], hole: NDArray[np.float32] | None) -> Tensor:
    """The crop [1, 3, R, R] with what lies beyond the photo's rim blurred and faded; the rest stays bit-equal."""
    distance = torch.from_numpy(beyond)[None, None]
    seen = torch.ones_like(distance) if hole is None else 1 - torch.from_numpy(np.ceil(hole))[None, None]
    radius = max(1, round(2 * _BLUR * crop.shape[-1]))
    size, sigma = (2 * radius + 1, 2 * radius + 1), (_BLUR * crop.shape[-1],) * 2
    # Of seen pixels alone: what is in the hole must not show beyond it.
    padded = torch.cat([crop * seen, seen], dim=1)
    sums = gaussian_blur2d(padded, size, sigma, border_type="replicate")
    known = seen[0, 0] > 0
    within = known & (distance[0, 0] == 0)
    known = within if within.any() else known
    pixels = crop[0, :, known] if known.any() else crop.new_full((3, 1), 127.5)
    median = pixels.median(dim=1).values[:, None, None]
    blurred = torch.where(sums[:, 3:] > 1e-3, sums[:, :3] / sums[:, 3:].clamp_min(1e-3), median)
    faded = torch.lerp(crop, blurred, (distance / _BLURRED_AT).clamp(max=1))
    faded = torch.lerp(faded, median.expand_as(crop), (distance / _FADED_AT).clamp(max=1))
    return torch.where(distance > 0, faded, crop)


def _in_blocks(affine: Affine, block: int) -> Affine:
    """The same affine from a photo whose pixels are put together to blocks."""
    return np.column_stack([affine[:, :2] * block, affine[:, 2]])


def warp_mask(mask: NDArray[np.bool_], affine: Affine, resolution: int) -> NDArray[np.float32]:
    """Hole of the crop: 1 for every pixel that any hole pixel has a share in, so that no known pixel shows the hole.

    Args:
        mask: Bool [H, W] of the photo, True = hole. Mirrored beyond the rim as the picture is.
        affine: Photo → crop.
        resolution: Side of the crop.

    Returns:
        float32 [resolution, resolution] of 0 and 1.
    """
    block = _blocks(affine, resolution)
    left, top, right, bottom = crop_box(affine, resolution, (mask.shape[0], mask.shape[1]), margin=2 * block)
    picture = torch.from_numpy(mask[top:bottom, left:right].copy())[None, None].float()
    if block > 1:
        picture = F.max_pool2d(_padded(picture, block), block)
    if _steps(affine, resolution) == 1 and not np.array_equal(affine, np.eye(2, 3)):
        # Bicubic weights, as the picture's then are, may cancel; bilinear ones of a hole one pixel wider reach as far.
        picture = F.max_pool2d(picture, 3, stride=1, padding=1)
    share = _sample(picture, _in_blocks(shifted(affine, left, top), block), resolution, "bilinear")[0, 0]
    hole: NDArray[np.float32] = (share > 1e-5).float().numpy()
    return hole

"""Holes over parts of a face: eyes, mouth, lower face and so on, placed by five landmarks.

The affine camera that best shows the template's landmarks where the face has its own places the parts, so that they
turn, tilt and foreshorten with the head; what is left between the landmarks' places and the camera's moves the parts
near them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from exegan.errors import MaskError
from exegan.masks.template import LANDMARKS, REGIONS, Point

BoolMask = NDArray[np.bool_]
Points = NDArray[np.float64]

_CAMERA = np.linalg.pinv(np.column_stack([LANDMARKS, np.ones(5)]))
# How far from a landmark its own place still counts, as a share of the crop's side.
_NEAR = 0.08


def parse_regions(text: str) -> tuple[str, ...]:
    """Names of regions written as `eyes+mouth`.

    Raises:
        MaskError: A name is unknown; the message lists the known ones.
    """
    names = tuple(name.strip() for name in text.split("+"))
    for name in names:
        if name not in REGIONS:
            raise MaskError(f"the region {name!r} is unknown; use {', '.join(REGIONS)}, or several as eyes+mouth")
    return names


def region_mask(regions: str, landmarks5: Points, size_hw: tuple[int, int]) -> BoolMask:
    """Hole over regions of one face of a photo.

    Args:
        regions: One of `REGIONS`, or several joined by `+`. Left and right are the picture's.
        landmarks5: [5, 2] x, y in pixels of the photo: left eye, right eye, nose, left and right corner of the mouth.
        size_hw: Height and width of the photo.

    Returns:
        Bool [H, W], True = hole; what reaches beyond the photo is cut off, which may leave nothing.

    Raises:
        MaskError: A region is unknown.
    """
    hulls = [_hull(_place(part, landmarks5)) for name in parse_regions(regions) for part in REGIONS[name]]
    mask = np.zeros(size_hw, dtype=np.bool_)
    for hull in hulls:
        left, top = np.floor(hull.min(axis=0)).clip(0, size_hw[::-1]).astype(int)
        right, bottom = np.ceil(hull.max(axis=0)).clip(0, size_hw[::-1]).astype(int)
        mask[top:bottom, left:right] |= _fill(hull - (left, top), (bottom - top, right - left))
    return mask


def crop_region_mask(regions: str, resolution: int) -> BoolMask:
    """Hole over regions of an FFHQ-aligned crop whose landmarks are not known: where they lie in the mean crop.

    Args:
        regions: As in `region_mask`.
        resolution: Side of the crop in pixels.

    Returns:
        Bool [R, R], True = hole.

    Raises:
        MaskError: A region is unknown.
    """
    return region_mask(regions, LANDMARKS[:, :2] * resolution, (resolution, resolution))


def _place(part: Iterable[Point], landmarks5: Points) -> Points:
    """Points of the template → the face [N, 2]."""
    points = np.array(list(part))
    camera = _CAMERA @ landmarks5
    residual = landmarks5 - np.column_stack([LANDMARKS, np.ones(5)]) @ camera
    squared = ((points[:, None, :2] - LANDMARKS[None, :, :2]) ** 2).sum(axis=2)
    placed: Points = np.column_stack([points, np.ones(len(points))]) @ camera
    placed += np.exp(-squared / (2 * _NEAR**2)) @ residual
    return placed


def _hull(points: Points) -> Points:
    """Corners of the convex hull [N, 2] in order (Andrew's monotone chain)."""
    ordered = sorted({(float(x), float(y)) for x, y in points})
    corners: list[tuple[float, float]] = []
    for way in (ordered, ordered[::-1]):
        chain: list[tuple[float, float]] = []
        for x, y in way:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], (x, y)) <= 0:
                chain.pop()
            chain.append((x, y))
        corners += chain[:-1]
    return np.array(corners)


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    """Positive where the way a, b, c bends to one side, negative to the other, 0 where it is straight."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _fill(hull: Points, size_hw: tuple[int, int]) -> BoolMask:
    """Pixels whose centre lies in a convex polygon: in each row those between its leftmost and rightmost crossing."""
    x, y = hull.T
    next_x, next_y = np.roll(hull, -1, axis=0).T
    row = np.arange(size_hw[0])[:, None] + 0.5
    crosses = (y <= row) != (next_y <= row)
    slope = (next_x - x) / np.where(next_y == y, np.inf, next_y - y)
    at = x + (row - y) * slope
    left = np.where(crosses, at, np.inf).min(axis=1, keepdims=True)
    right = np.where(crosses, at, -np.inf).max(axis=1, keepdims=True)
    column = np.arange(size_hw[1]) + 0.5
    filled: BoolMask = (column >= left) & (column < right)
    return filled

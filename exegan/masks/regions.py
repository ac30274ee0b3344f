"""Holes over parts of a face: the mean face of FFHQ's alignment and the regions drawn on it.

(x, y) are shares of the crop's side, each point with a depth towards the viewer in the same unit. A part is the convex
hull of its points, wherever they are placed.

The affine camera that best shows the template's landmarks where the face has its own places the parts, so that they
turn, tilt and foreshorten with the head; what is left between the landmarks' places and the camera's moves the parts
near them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from exegan.errors import MaskError
from exegan.masks.editing import BoolMask

Point = tuple[float, float, float]
# Where the five landmarks lie in the mean crop.
LANDMARKS = np.array(
    [[0.375, 0.475, 0.0], [0.625, 0.475, 0.0], [0.5, 0.625, 0.11], [0.385, 0.73, 0.01], [0.615, 0.73, 0.01]]
)
# Regions of what is worn over a face.
WORN = ("glasses", "face-mask")
Points = NDArray[np.float64]
# How far from a landmark its own place still counts, as a share of the crop's side.
_NEAR = 0.08


def _surface(x: float, y: float, height: float = 0.0) -> Point:
    """A point on the face, which curves back to its sides, raised by `height`."""
    return x, y, 0.01 - 34 * (x - 0.5) ** 4 + height


def _ellipse(x: float, y: float, half_width: float, half_height: float, height: float = 0.0) -> list[Point]:
    angles = (i * math.pi / 16 for i in range(32))
    return [_surface(x + half_width * math.cos(a), y + half_height * math.sin(a), height) for a in angles]


def _outline(*left_half: tuple[float, float]) -> list[Point]:
    """Points of the left half and their mirror images."""
    return [_surface(side, y) for x, y in left_half for side in (x, 1 - x)]


def _mirrored(part: list[Point]) -> list[Point]:
    return [(1 - x, y, z) for x, y, z in part]


_LEFT_EYE = _ellipse(0.38, 0.475, 0.085, 0.05)
_LEFT_BROW = _ellipse(0.365, 0.402, 0.125, 0.05, 0.03)
_NOSE = [
    *_outline((0.465, 0.45), (0.44, 0.55), (0.415, 0.63), (0.42, 0.665), (0.45, 0.685)),
    *(_surface(x, y, 0.1) for x, y in ((0.465, 0.6), (0.535, 0.6), (0.46, 0.645), (0.54, 0.645), (0.5, 0.665))),
    *_ellipse(0.5, 0.625, 0.03, 0.03, 0.12),
]
_MOUTH = _ellipse(0.5, 0.757, 0.155, 0.08)
_LEFT_CHEEK = _ellipse(0.335, 0.62, 0.085, 0.095)
_CHIN = _ellipse(0.5, 0.9, 0.125, 0.07, 0.02)
_JAW = _outline((0.215, 0.62), (0.228, 0.7), (0.252, 0.78), (0.295, 0.86), (0.35, 0.918), (0.42, 0.958), (0.5, 0.972))
_FOREHEAD = _outline((0.235, 0.37), (0.25, 0.31), (0.29, 0.25), (0.35, 0.21), (0.42, 0.19), (0.5, 0.183))
_UPPER = [
    *_FOREHEAD,
    *_ellipse(0.5, 0.32, 0.15, 0.06, 0.03),
    *_LEFT_BROW,
    *_mirrored(_LEFT_BROW),
    *_outline((0.215, 0.42), (0.212, 0.48), (0.212, 0.56), (0.3, 0.56)),
]
_LOWER = [*_JAW, *_CHIN, *_outline((0.212, 0.56), (0.3, 0.56), (0.28, 0.66), (0.32, 0.76)), *_NOSE[4:]]
# What glasses and face masks cover. Both are worn on the nose, above the face's curve.
_GLASSES = [
    *_outline((0.23, 0.405), (0.22, 0.5), (0.25, 0.555), (0.33, 0.578), (0.41, 0.57), (0.3, 0.385), (0.42, 0.385)),
    *(_surface(x, y, 0.06) for x in (0.46, 0.54) for y in (0.42, 0.54)),
]
_FACE_MASK = [*_JAW, *_CHIN, *_outline((0.212, 0.56), (0.3, 0.555), (0.41, 0.53), (0.46, 0.505)), *_NOSE[4:]]
# Points around the face: jaw, then forehead.
OUTLINE = np.array(_JAW + _FOREHEAD)
# Left and right are the picture's.
REGIONS: dict[str, tuple[list[Point], ...]] = {
    "eyes": (_LEFT_EYE, _mirrored(_LEFT_EYE)),
    "left-eye": (_LEFT_EYE,),
    "right-eye": (_mirrored(_LEFT_EYE),),
    "brows": (_LEFT_BROW, _mirrored(_LEFT_BROW)),
    "nose": (_NOSE,),
    "mouth": (_MOUTH,),
    "cheeks": (_LEFT_CHEEK, _mirrored(_LEFT_CHEEK)),
    "forehead": (_FOREHEAD,),
    "chin": (_CHIN,),
    "upper-face": (_UPPER,),
    "lower-face": (_LOWER,),
    "face": (_UPPER + _LOWER,),
    "glasses": (_GLASSES,),
    "face-mask": (_FACE_MASK,),
}
_CAMERA = np.linalg.pinv(np.column_stack([LANDMARKS, np.ones(5)]))


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
    """Pixels whose centre lies in a convex polygon: in each row those between its leftmost and rightmost crossing.

    `ImageDraw.polygon` also fills every pixel that the outline touches, which would change the frozen mask sets.
    """
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

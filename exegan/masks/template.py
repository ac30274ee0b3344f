"""The parts of a face, as a template in the FFHQ crop.

(x, y) are shares of the crop's side, each point with a depth towards the viewer in the same unit. A part is the convex
hull of its points, wherever they are placed.
"""

from __future__ import annotations

import math

import numpy as np

Point = tuple[float, float, float]

# Where the five landmarks lie in the mean crop.
LANDMARKS = np.array(
    [[0.375, 0.475, 0.0], [0.625, 0.475, 0.0], [0.5, 0.625, 0.11], [0.385, 0.73, 0.01], [0.615, 0.73, 0.01]]
)


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

# Regions of what is worn over a face.
WORN = ("glasses", "face-mask")

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

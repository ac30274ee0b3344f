"""Making a hole larger, smaller, or the opposite of what it was."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BoolMask = NDArray[np.bool_]
# Distances are kept in 16 bits; no photo that can be read is as long as this.
_FARTHEST = 65_534


def grow(mask: BoolMask, pixels: int) -> BoolMask:
    """Widen a hole by a distance, or narrow it by a negative one; corners become round.

    A pixel belongs to the widened hole if the centre of a hole pixel is at most `pixels` from its own, to the narrowed
    one if no known pixel is so near. What lies beyond the photo's rim is neither hole nor known.

    Args:
        mask: Bool [H, W], True = hole.
        pixels: Distance in pixels of the mask.

    Returns:
        Bool [H, W], a new array; time and memory follow the hole's bounding box.
    """
    result: BoolMask = mask.copy()
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if pixels == 0 or not rows.size:
        return result
    # Around a narrowed hole one row of known pixels is as good as all of them.
    margin = max(pixels, 1)
    top, left = max(0, int(rows[0]) - margin), max(0, int(columns[0]) - margin)
    box = np.s_[top : int(rows[-1]) + 1 + margin, left : int(columns[-1]) + 1 + margin]
    result[box] = _widen(mask[box], pixels) if pixels > 0 else ~_widen(~mask[box], -pixels)
    return result


def invert(mask: BoolMask) -> BoolMask:
    """Hole where it was known, known where it was hole; bool [H, W]."""
    return ~mask


def _widen(mask: BoolMask, radius: int) -> BoolMask:
    """Union of discs around all hole pixels: every column lends itself to its neighbours, the farther the less high."""
    height, width = mask.shape
    if radius**2 >= height**2 + width**2:  # quicker than going there column by column
        return np.full_like(mask, bool(mask.any()))
    nearest = _distance_along_columns(mask)
    result: BoolMask = mask.copy()
    for across in range(min(radius, width - 1) + 1):
        reached = nearest <= np.uint16(min(int((radius**2 - across**2) ** 0.5), _FARTHEST))
        result[:, across:] |= reached[:, : width - across]
        result[:, : width - across] |= reached[:, across:]
    return result


def _distance_along_columns(mask: BoolMask) -> NDArray[np.uint16]:
    """Rows to the nearest hole pixel of the same column, above or below."""
    distance = np.full(mask.shape, _FARTHEST + 1, dtype=np.uint16)
    for flipped, target in ((mask, distance), (mask[::-1], distance[::-1])):
        since = np.full(mask.shape[1], _FARTHEST + 1, dtype=np.uint16)
        for row, best in zip(flipped, target, strict=True):
            since += since <= _FARTHEST
            since[row] = 0
            np.minimum(best, since, out=best)
    return distance

"""Temporary: until the geometry branch brings its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exegan.faces.align import Affine, invert_affine


def seam_score(before: NDArray[np.uint8], after: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """Mean absolute step across the hole's rim, after over before."""
    if not mask.any():
        return 1.0
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = np.s_[max(0, rows[0] - 1) : rows[-1] + 2, max(0, columns[0] - 1) : columns[-1] + 2]
    steps = [0.0, 0.0]
    for axis in (0, 1):
        rim = np.diff(mask[box].astype(np.int8), axis=axis) != 0
        for i, picture in enumerate((before, after)):
            steps[i] += float(np.abs(np.diff(picture[box].astype(np.int16), axis=axis))[rim].sum())
    return (steps[1] + 1) / (steps[0] + 1)


def crop_outside_photo(affine: Affine, resolution: int, size_hw: tuple[int, int]) -> float:
    """Share of the crop's pixels that lie outside the photo."""
    grid = (np.indices((32, 32)).reshape(2, -1).T[:, ::-1] + 0.5) * (resolution / 32)
    back = invert_affine(affine)
    points = grid @ back[:, :2].T + back[:, 2]
    inside = (points >= 0).all(axis=1) & (points <= np.array(size_hw[::-1])).all(axis=1)
    return 1 - float(inside.mean())

"""How visible the rim of a filled hole is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_NOISE = 1.0  # grey levels: steps below it nobody sees, and flat surroundings must not divide by zero


def seam_score(result: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """Step across a hole's rim against the steps of the photo just outside it.

    Neighbouring pixels of which one is hole and one is not are compared with the pair next to them on the known side,
    along rows and columns; what the hole held before plays no part.

    Args:
        result: uint8 [H, W, 3] with the hole filled.
        mask: Bool [H, W], True = hole.

    Returns:
        1 = as smooth as the photo around it; 2 = steps twice as large; below 1 smoother. 1 where a hole has no rim in
        the photo, or nothing known beside it.
    """
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return 1.0
    box = np.s_[max(0, rows[0] - 2) : rows[-1] + 3, max(0, columns[0] - 2) : columns[-1] + 3]
    hole, picture = mask[box], result[box].astype(np.int16)
    across, beside = [], []
    # Every way from the hole outwards: hole, known, known.
    for axis in (0, 1):
        for turned in (slice(None), slice(None, None, -1)):
            way = (turned, slice(None)) if axis == 0 else (slice(None), turned)
            inner, rim, outer = (_along(hole[way], axis, shift) for shift in range(3))
            meets = inner & ~rim & ~outer
            values = [_along(picture[way], axis, shift)[meets] for shift in range(3)]
            across.append(np.abs(values[0] - values[1]).mean(axis=-1))
            beside.append(np.abs(values[1] - values[2]).mean(axis=-1))
    steps, usual = np.concatenate(across), np.concatenate(beside)
    return 1.0 if not steps.size else float((steps.mean() + _NOISE) / (usual.mean() + _NOISE))


def _along(array: NDArray[Any], axis: int, shift: int) -> NDArray[Any]:
    """`array` from `shift` on along an axis, two shorter than it, so that three shifts are neighbours."""
    length = max(array.shape[axis] - 2, 0)
    return array[shift : shift + length] if axis == 0 else array[:, shift : shift + length]

"""What can be seen of a completion's place: its seam, and how much of its crop the photo does not have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exegan.faces.align import Affine, invert_affine

# The photo's own steps are those from the rim so many pixels outwards, so that they are of the same textures.
_NEAR = 3
_PROBES = 64


def seam_score(before: NDArray[np.uint8], after: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """Mean step in grey levels across the hole's rim, over that between known pixels near it.

    Args:
        before: The photo, uint8 RGB [H, W, 3]; what the hole held plays no part.
        after: The completed photo.
        mask: Bool [H, W], True = hole.

    Returns:
        1 = as smooth as the photo, larger = visible; 1 where there is no rim or nothing known near it. One grey level
        is added to both means, so that flat photos do not divide by 0.
    """
    across, own = _Mean(), _Mean()
    _walk_out(before, after, mask, across, own)
    _walk_out(before.swapaxes(0, 1), after.swapaxes(0, 1), mask.T, across, own)
    return (across.value + 1) / (own.value + 1) if own.count else 1.0


def _walk_out(
    before: NDArray[np.uint8], after: NDArray[np.uint8], mask: NDArray[np.bool_], across: _Mean, own: _Mean
) -> None:
    """From every place where the rim crosses a column, up or down into what is known."""
    rows = np.flatnonzero(mask.any(axis=1))
    top = max(0, int(rows[0]) - 1) if rows.size else 0
    part = mask[top : int(rows[-1]) + 2] if rows.size else mask[:0]
    above, column = np.nonzero(part[1:] != part[:-1])
    above += top
    into_hole_below = mask[above + 1, column]
    known, outwards = np.where(into_hole_below, above, above + 1), np.where(into_hole_below, -1, 1)
    across.add(after[known, column], after[known - outwards, column])
    for _ in range(_NEAR):
        farther = known + outwards
        inside = (farther >= 0) & (farther < len(mask))
        known, farther, column, outwards = (x[inside] for x in (known, farther, column, outwards))
        free = ~mask[farther, column]
        known, farther, column, outwards = (x[free] for x in (known, farther, column, outwards))
        own.add(before[known, column], before[farther, column])
        known = farther


class _Mean:
    """Mean absolute difference, as it grows."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def add(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> None:
        self.total += float(np.abs(first.astype(np.int16) - second).sum())
        self.count += first.size

    @property
    def value(self) -> float:
        return self.total / self.count if self.count else 0.0


def crop_outside_photo(affine: Affine, resolution: int, size_hw: tuple[int, int]) -> float:
    """Share of a crop (affine: photo → crop) that lies outside its photo, in [0, 1], to about a percent."""
    places = (np.indices((_PROBES, _PROBES)).reshape(2, -1).T[:, ::-1] + 0.5) * (resolution / _PROBES)
    back = invert_affine(affine)
    points = places @ back[:, :2].T + back[:, 2]
    inside = (points >= 0).all(axis=1) & (points <= np.array(size_hw[::-1])).all(axis=1)
    return 1 - float(inside.mean())

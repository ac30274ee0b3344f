"""What can be seen of a completion's place: its seam, and how much of its crop the photo does not have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exegan.faces.align import Affine, invert_affine
from exegan.masks.editing import grow

# The photo's own steps are taken from known pixels so near the rim, so that they are of the same textures.
_NEAR = 4
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
    if not mask.any() or mask.all():
        return 1.0
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = np.s_[max(0, rows[0] - _NEAR) : rows[-1] + _NEAR + 1, max(0, columns[0] - _NEAR) : columns[-1] + _NEAR + 1]
    hole = mask[box]
    near = grow(hole, _NEAR) & ~hole
    across: list[NDArray[np.int16]] = []
    own: list[NDArray[np.int16]] = []
    for first, second in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        crossing, known = hole[first] != hole[second], near[first] & near[second]
        for picture, pairs, steps in ((after[box], crossing, across), (before[box], known, own)):
            steps.append(np.abs(picture[first][pairs].astype(np.int16) - picture[second][pairs]))
    return (_mean(across) + 1) / (_mean(own) + 1) if any(map(len, own)) else 1.0


def crop_outside_photo(affine: Affine, resolution: int, size_hw: tuple[int, int]) -> float:
    """Share of a crop (affine: photo → crop) that lies outside its photo, in [0, 1], to about a percent."""
    places = (np.indices((_PROBES, _PROBES)).reshape(2, -1).T[:, ::-1] + 0.5) * (resolution / _PROBES)
    back = invert_affine(affine)
    points = places @ back[:, :2].T + back[:, 2]
    inside = (points >= 0).all(axis=1) & (points <= np.array(size_hw[::-1])).all(axis=1)
    return 1 - float(inside.mean())


def _mean(steps: list[NDArray[np.int16]]) -> float:
    values = np.concatenate([step.ravel() for step in steps])
    return float(values.mean()) if len(values) else 0.0

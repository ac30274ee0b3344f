"""How visible a filled hole is: its rim, with and without the true picture to compare with, and its sharpness.

Both measures of the rim take the runs of pixels that leave the hole along rows and columns. `seam_score` rates a result
by itself: the step across the rim, as a multiple of the steps of the photo beside it. `seam_step` is that step alone,
in grey levels, for the metric that takes the truth's step off it.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NOISE = 1.0  # grey levels: steps below it nobody sees, and flat surroundings must not divide by zero


def seam_score(result: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """Step across a hole's rim against the steps of the photo just outside it.

    Neighbouring pixels of which one is hole and one is not are compared with the pair next to them on the known side;
    what the hole held before plays no part.

    Args:
        result: uint8 [H, W, 3] with the hole filled.
        mask: Bool [H, W], True = hole.

    Returns:
        1 = as smooth as the photo around it; 2 = steps twice as large; below 1 smoother. 1 where a hole has no rim in
        the photo, or nothing known beside it.
    """
    inner, rim, outer = _leaving_runs(result, mask, known=2)
    if not len(inner):
        return 1.0
    return float((np.abs(inner - rim).mean() + _NOISE) / (np.abs(rim - outer).mean() + _NOISE))


def seam_step(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """Mean absolute step between neighbours, one in the hole and one outside, in levels of 0..255; NaN without a rim.

    Args:
        picture: uint8 [H, W, 3].
        mask: Bool [H, W], True = hole.
    """
    inner, rim = _leaving_runs(picture, mask, known=1)
    return float(np.abs(inner - rim).mean()) if len(inner) else float("nan")


def _leaving_runs(picture: NDArray[np.uint8], mask: NDArray[np.bool_], known: int) -> list[NDArray[np.int16]]:
    """Colours [N, 3] of the last hole pixel, and of the `known` pixels outside that follow it, of all such runs."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return [np.empty((0, 3), np.int16)] * (known + 1)
    box = np.s_[max(0, rows[0] - known) : rows[-1] + known + 1, max(0, columns[0] - known) : columns[-1] + known + 1]
    hole, pixels = mask[box], picture[box]
    found: list[list[NDArray[np.int16]]] = []
    for axis in (0, 1):
        for turned in (slice(None), slice(None, None, -1)):
            way = (turned, slice(None)) if axis == 0 else (slice(None), turned)
            inner, *outside = (_shifted(hole[way], axis, shift, known) for shift in range(known + 1))
            places = np.nonzero(inner & ~functools.reduce(np.logical_or, outside))
            colours = [_shifted(pixels[way], axis, shift, known)[places] for shift in range(known + 1)]
            found.append([colour.astype(np.int16) for colour in colours])
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def _shifted(array: NDArray[Any], axis: int, shift: int, known: int) -> NDArray[Any]:
    """`array` from `shift` on along an axis, `known` shorter than it, so that the shifts are neighbours."""
    length = max(array.shape[axis] - known, 0)
    return array[shift : shift + length] if axis == 0 else array[:, shift : shift + length]


def sharpness_ratio(result: NDArray[np.uint8], mask: NDArray[np.bool_], cell: int = 1) -> float:
    """Fine detail in a filled hole against that of the photo around it.

    Detail is the mean absolute Laplacian of the green channel, most of what the eye takes for brightness: nothing but
    edges and texture plays a part.

    Args:
        result: uint8 [H, W, 3] with the hole filled.
        mask: Bool [H, W], True = hole.
        cell: Side in pixels of the cells that are looked at: finer detail than the model draws counts neither way.

    Returns:
        1 = as sharp as its surroundings, a third of the hole's side wide; below 1 softer. 1 where there is nothing to
        compare.
    """
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return 1.0
    margin = 2 * cell + max(rows[-1] - rows[0], columns[-1] - columns[0]) // 3
    box = np.s_[max(0, rows[0] - margin) : rows[-1] + margin, max(0, columns[0] - margin) : columns[-1] + margin]
    grey = _cell_means(result[box][..., 1], cell)
    share = _cell_means(mask[box], cell)
    detail = np.abs(4 * grey[1:-1, 1:-1] - sum(_neighbours(grey)))
    # Cells whose neighbours are of both kinds show the seam, not the detail.
    near = share[1:-1, 1:-1] + sum(_neighbours(share))
    inside, outside = detail[near == 5], detail[near == 0]
    if not inside.size or not outside.size:
        return 1.0
    return float((inside.mean() + _NOISE) / (outside.mean() + _NOISE))


def _cell_means(picture: NDArray[Any], cell: int) -> NDArray[np.float32]:
    """Means of [H, W] over square cells; what is left over at the right and below is cut off."""
    height, width = picture.shape[0] // cell, picture.shape[1] // cell
    means: NDArray[np.float32] = np.zeros((height, width), dtype=np.float32)
    for y in range(cell):  # without a copy of the whole picture in floats
        for x in range(cell):
            means += picture[y : height * cell : cell, x : width * cell : cell]
    means /= cell**2
    return means


def _neighbours(picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The cells above, below, left and right of all that have all four."""
    return [picture[:-2, 1:-1], picture[2:, 1:-1], picture[1:-1, :-2], picture[1:-1, 2:]]

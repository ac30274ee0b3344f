"""Irregular holes with a given share of the picture, the same for a seed on every machine."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from exegan.errors import MaskError
from exegan.masks.strokes import draw_stroke, walk

BoolMask = NDArray[np.bool_]
# Strokes at random places hardly ever find the last known pixels of a hole that is to be nearly everything.
_MOST_STROKES = 400


def parse_fraction(text: str) -> tuple[float, float]:
    """Range of a hole's share, written in per cent.

    Args:
        text: `20-40`, say.

    Returns:
        Both ends as shares in [0, 1].

    Raises:
        MaskError: It is no range of per cents.
    """
    try:
        low, high = (float(end) / 100 for end in text.split("-"))
    except ValueError as error:
        raise MaskError(f"the hole's share is {text!r}, expected two per cents such as 20-40") from error
    _check_fraction(low, high)
    return low, high


def irregular_mask(size_hw: tuple[int, int], fraction: tuple[float, float], seed: int) -> BoolMask:
    """Free-form strokes that cover a share of the picture, drawn evenly from a range.

    The same numbers give the same hole on every machine: every random number is drawn from the seed, and strokes run
    between whole pixels.

    Args:
        size_hw: Height and width in pixels.
        fraction: Lowest and highest share of hole pixels, in [0, 1].
        seed: 0 or more.

    Returns:
        Bool [H, W], True = hole; its share lies in the range.

    Raises:
        MaskError: The range is empty or so narrow that no number of pixels lies in it, or the seed is negative.
    """
    low, high = fraction
    _check_fraction(low, high)
    if seed < 0:
        raise MaskError(f"the seed is {seed}, expected 0 or a positive number")
    pixels = size_hw[0] * size_hw[1]
    # A rounding error must not cost a pixel: 0.07 * 100 is a hair above 7.
    fewest, most = math.ceil(low * pixels - 1e-6), math.floor(high * pixels + 1e-6)
    if max(fewest, 1) > most:
        raise MaskError(
            f"no number of pixels is {low:.4%} to {high:.4%} of {size_hw[1]}x{size_hw[0]} px; give a wider range"
        )
    rng = np.random.default_rng(seed)
    wanted = int(rng.integers(max(fewest, 1), most + 1))
    mask = np.zeros(size_hw, dtype=np.bool_)
    missing = wanted
    for _ in range(_MOST_STROKES):
        missing -= _add(mask, _stroke(rng, size_hw), missing)
        if not missing:
            return mask
    _add(mask, np.ones(size_hw, dtype=np.bool_), missing)
    return mask


def _stroke(rng: np.random.Generator, size_hw: tuple[int, int]) -> BoolMask:
    """One bent stroke, whose sizes follow the picture's shorter side."""
    side = min(size_hw)
    steps = rng.uniform(0.02, 0.35, size=int(rng.integers(2, 9))) * side
    width = rng.uniform(0.03, 0.12) * side
    points = walk(rng, size_hw, steps, largest_turn=rng.uniform(0.25, 0.7) * math.pi)
    canvas = Image.new("L", (size_hw[1], size_hw[0]))
    draw_stroke(ImageDraw.Draw(canvas), [(float(round(x)), float(round(y))) for x, y in points], float(round(width)))
    return np.asarray(canvas) > 0


def _add(mask: BoolMask, stroke: BoolMask, most: int) -> int:
    """Add a stroke to the mask in place, cut off where it would cover more than `most` new pixels; how many it did."""
    new = stroke & ~mask
    count = int(np.count_nonzero(new))
    if count <= most:
        mask |= new
        return count
    rows, columns = np.nonzero(new)
    # Nearest to the stroke's uppermost pixel, in order of rows among equals: whole numbers, no machine differs.
    distance = (rows - rows[0]) ** 2 + (columns - columns[0]) ** 2
    nearest = np.argsort(distance, kind="stable")[:most]
    mask[rows[nearest], columns[nearest]] = True
    return most


def _check_fraction(low: float, high: float) -> None:
    if not 0 <= low <= high <= 1:  # also where one is not a number
        raise MaskError(f"the hole's share is {low:.4%} to {high:.4%}, expected a lower and a higher one in 0 to 100 %")

"""Random holes for training and evaluation: strokes, boxes, large holes, by recipe.

Every recipe has the signature (rng, resolution) → bool [R, R], True = hole; all randomness comes from `rng`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from exegan.config import MaskConfig
from exegan.errors import MaskError
from exegan.masks.editing import BoolMask
from exegan.masks.regions import LANDMARKS, REGIONS, WORN, region_mask

# Strokes at random places hardly ever find the last known pixels of a hole that is to be nearly everything.
_MOST_STROKES = 400
_TRIES = 200


def walk(
    rng: np.random.Generator, size_hw: tuple[int, int], steps: NDArray[np.float64], largest_turn: float
) -> list[tuple[float, float]]:
    """Corners (x, y) of a polyline that turns to and fro by up to `largest_turn` radians, clipped to the picture."""
    height, width = size_hw
    limits = np.array([width, height], dtype=np.float64)
    point = rng.uniform(0, limits)
    points = [(float(point[0]), float(point[1]))]
    for i, step in enumerate(steps):
        turn = rng.uniform(0, largest_turn)
        angle = 2 * math.pi - turn if i % 2 == 0 else turn
        point = (point + step * np.array([math.cos(angle), math.sin(angle)])).clip(0, limits)
        points.append((float(point[0]), float(point[1])))
    if rng.random() < 0.5:
        points = [(width - x, y) for x, y in points]
    if rng.random() < 0.5:
        points = [(x, height - y) for x, y in points]
    return points


def draw_stroke(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], width: float) -> None:
    """Draw a polyline of a width in pixels with round corners and ends, in the brightest value."""
    draw.line(points, fill=255, width=max(1, round(width)), joint="curve")
    radius = width / 2
    for x, y in points:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)


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


Recipe = Callable[[np.random.Generator, int], BoolMask]


def strokes_and_boxes(rng: np.random.Generator, resolution: int) -> BoolMask:
    """Up to four boxes of half the side, up to nine of a quarter, and ten strokes; about 66 % hole."""
    canvas = Image.new("1", (resolution, resolution))
    draw = ImageDraw.Draw(canvas)
    _draw_boxes(rng, draw, resolution, count=int(rng.integers(0, 5)), largest=resolution / 2)
    _draw_boxes(rng, draw, resolution, count=int(rng.integers(0, 10)), largest=resolution / 4)
    for _ in range(10):
        width = rng.uniform(10, 24) * resolution / 256
        steps = rng.uniform(5, 100, size=int(rng.integers(1, 20))) * resolution / 256
        draw_stroke(draw, walk(rng, (resolution, resolution), steps, largest_turn=4.0), width)
    return np.array(canvas)


def large_holes(rng: np.random.Generator, resolution: int) -> BoolMask:
    """Co-modulation's recipe: boxes up to the whole side and up to nineteen broad strokes; about 73 % hole."""
    canvas = Image.new("1", (resolution, resolution))
    draw = ImageDraw.Draw(canvas)
    _draw_boxes(rng, draw, resolution, count=int(rng.integers(0, 10)), largest=resolution / 2, over_edge=True)
    _draw_boxes(rng, draw, resolution, count=int(rng.integers(0, 5)), largest=resolution, over_edge=True)
    mean_step = math.hypot(resolution, resolution) / 8
    for _ in range(int(rng.integers(0, 20))):
        width = rng.uniform(12, 48) * resolution / 256
        steps = rng.normal(mean_step, mean_step / 2, size=int(rng.integers(4, 18))).clip(0, 2 * mean_step)
        largest_turn = rng.uniform(4 / 15, 8 / 15) * math.pi
        draw_stroke(draw, walk(rng, (resolution, resolution), steps, largest_turn), width)
    return np.array(canvas)


def mixed(rng: np.random.Generator, resolution: int) -> BoolMask:
    """Holes as people make them.

    30 % over parts of the face, 15 % shaped like glasses or a face mask, 25 % strokes, 22 % `large_holes`, 8 %
    everything.
    """
    kind = rng.random()
    if kind < 0.3:
        parts = rng.choice(list(REGIONS), size=int(rng.integers(1, 4)), replace=False)
        return face_part(rng, resolution, "+".join(parts))
    if kind < 0.45:
        return face_part(rng, resolution, str(rng.choice(WORN)))
    if kind < 0.7:
        return irregular_mask((resolution, resolution), (0.05, 0.8), int(rng.integers(2**31)))
    return large_holes(rng, resolution) if kind < 0.92 else np.ones((resolution, resolution), dtype=np.bool_)


def face_part(rng: np.random.Generator, resolution: int, regions: str) -> BoolMask:
    """Hole over parts, as `eyes+mouth`, of an aligned face, where they lie in the mean crop, give or take."""
    centre = LANDMARKS[:, :2].mean(axis=0)
    size, shift = rng.uniform(0.9, 1.25), rng.normal(0, 0.02, size=2)
    landmarks5 = (centre + (LANDMARKS[:, :2] - centre) * size + shift) * resolution
    return region_mask(regions, landmarks5, (resolution, resolution))


def _draw_boxes(
    rng: np.random.Generator,
    draw: ImageDraw.ImageDraw,
    resolution: int,
    *,
    count: int,
    largest: float,
    over_edge: bool = False,
) -> None:
    for _ in range(count):
        size = rng.uniform(0, largest, size=2)
        beyond = size / 2 if over_edge else np.zeros(2)
        x, y = rng.uniform(-beyond, resolution - size + beyond)
        draw.rectangle((x, y, x + size[0], y + size[1]), fill=1)


RECIPES: dict[str, Recipe] = {
    "strokes_and_boxes": strokes_and_boxes,
    "large_holes": large_holes,
    "mixed": mixed,
}


def draw_mask(rng: np.random.Generator, resolution: int, config: MaskConfig) -> BoolMask:
    """Draw holes until one has the wanted share of the picture; the closest of many tries if none has.

    Args:
        rng: Source of all randomness.
        resolution: Side in pixels.
        config: Recipe and range of the hole's share.

    Returns:
        Bool [R, R], True = hole.
    """
    recipe = RECIPES[config.recipe]
    centre = (config.min_hole + config.max_hole) / 2
    best = recipe(rng, resolution)
    for _ in range(_TRIES):
        if config.min_hole <= best.mean() <= config.max_hole:
            break
        best = min(best, recipe(rng, resolution), key=lambda mask: abs(float(mask.mean()) - centre))
    return best

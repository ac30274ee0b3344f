"""Random training holes: the two recipes of the original, with sizes relative to the resolution, and one of ours.

Every recipe has the signature (rng, resolution) → bool [R, R], True = hole; all randomness comes from `rng`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from exegan.config import MaskConfig
from exegan.masks.regions import region_mask
from exegan.masks.template import LANDMARKS, REGIONS

BoolMask = NDArray[np.bool_]
Recipe = Callable[[np.random.Generator, int], BoolMask]

_TRIES = 200


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


def regions_and_large_holes(rng: np.random.Generator, resolution: int) -> BoolMask:
    """`large_holes`, or as often one to three parts of the face where they lie in the mean crop, give or take."""
    if rng.random() < 0.5:
        return large_holes(rng, resolution)
    parts = rng.choice(list(REGIONS), size=int(rng.integers(1, 4)), replace=False)
    centre = LANDMARKS[:, :2].mean(axis=0)
    size, shift = rng.uniform(0.9, 1.25), rng.normal(0, 0.02, size=2)
    landmarks5 = (centre + (LANDMARKS[:, :2] - centre) * size + shift) * resolution
    return region_mask("+".join(parts), landmarks5, (resolution, resolution))


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


RECIPES: dict[str, Recipe] = {
    "strokes_and_boxes": strokes_and_boxes,
    "large_holes": large_holes,
    "regions_and_large_holes": regions_and_large_holes,
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

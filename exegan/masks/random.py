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
from exegan.masks.irregular import irregular_mask
from exegan.masks.regions import region_mask
from exegan.masks.strokes import draw_stroke, walk
from exegan.masks.template import LANDMARKS, REGIONS, WORN

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

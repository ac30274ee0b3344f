"""Polylines that wander about a picture, and how they are drawn: what all irregular holes are made of."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw


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

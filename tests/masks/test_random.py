"""Random holes: reproducible, distributed as the original's, and within the range asked for."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from exegan.config import MaskConfig
from exegan.masks.editing import BoolMask
from exegan.masks.random import RECIPES, draw_mask

NAMES = pytest.mark.parametrize("recipe", sorted(RECIPES))
# Mean, 10th and 90th percentile of the hole's share at 256 px, measured on the original.
ORIGINAL = {"strokes_and_boxes": (0.66, 0.55, 0.77), "large_holes": (0.73, 0.47, 0.92)}


def draw(seed: int, recipe: str = "large_holes", resolution: int = 64, **limits: float) -> BoolMask:
    config = MaskConfig(recipe=recipe, **limits)  # type: ignore[arg-type]
    return draw_mask(np.random.default_rng(seed), resolution, config)


@lru_cache
def shares(recipe: str, resolution: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.array([RECIPES[recipe](rng, resolution).mean() for _ in range(300)])


@NAMES
@pytest.mark.parametrize("resolution", [16, 64])
def test_a_generator_s_state_decides(recipe: str, resolution: int) -> None:
    mask = draw(1, recipe, resolution)
    assert mask.shape == (resolution, resolution) and mask.dtype == np.bool_
    assert np.array_equal(draw(1, recipe, resolution), mask)
    assert not np.array_equal(draw(2, recipe, resolution), mask)
    rng = np.random.default_rng(1)
    np.random.seed(0)  # noqa: NPY002 - must have no influence
    assert np.array_equal(RECIPES[recipe](rng, resolution), RECIPES[recipe](np.random.default_rng(1), resolution))
    assert not np.array_equal(RECIPES[recipe](rng, resolution), mask), "the generator moves on"


@pytest.mark.parametrize("recipe", sorted(ORIGINAL))
@pytest.mark.parametrize("resolution", [64, 256])
def test_hole_share_is_the_original_s(recipe: str, resolution: int) -> None:
    measured = shares(recipe, resolution)
    found = (measured.mean(), *np.percentile(measured, [10, 90]))
    assert found == pytest.approx(ORIGINAL[recipe], abs=0.06)


@NAMES
def test_hole_share_does_not_depend_on_the_resolution(recipe: str) -> None:
    small, large = shares(recipe, 64), shares(recipe, 256)
    assert small.mean() == pytest.approx(large.mean(), abs=0.03)
    assert np.corrcoef(small, large)[0, 1] > 0.95, "the same numbers draw the same hole"


@NAMES
def test_holes_are_all_over_the_picture(recipe: str) -> None:
    rng = np.random.default_rng(0)
    often = np.mean([RECIPES[recipe](rng, 64) for _ in range(150)], axis=0)
    assert often.min() > 0.2 and often.max() < 0.95
    halves = often[:, :32].mean(), often[:, 32:].mean(), often[:32].mean(), often[32:].mean()
    assert max(halves) - min(halves) < 0.08


@NAMES
@pytest.mark.parametrize("limits", [(0.05, 0.5), (0.7, 0.8), (0.5, 1.0)])
def test_limits_are_kept(recipe: str, limits: tuple[float, float]) -> None:
    low, high = limits
    found = [draw(seed, recipe, min_hole=low, max_hole=high).mean() for seed in range(12)]
    assert low <= min(found) and max(found) <= high and np.std(found) > 0.01


@pytest.mark.parametrize(("low", "high"), [(0.0, 1e-6), (0.9999, 1.0)])
def test_impossible_limits_give_the_closest_of_many(low: float, high: float) -> None:
    found = draw(0, "strokes_and_boxes", min_hole=low, max_hole=high).mean()
    ordinary = shares("strokes_and_boxes", 64)
    assert not low <= found <= high
    assert found < np.percentile(ordinary, 3) if low == 0 else found > np.percentile(ordinary, 97)


def test_mixed_holes_are_of_five_kinds() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([RECIPES["mixed"](rng, 64) for _ in range(400)])
    share = drawn.mean(axis=(1, 2))
    assert 0.04 < (share == 1).mean() < 0.13, "a twelfth is everything"
    regions = drawn[~drawn[:, :6].any(axis=(1, 2)) & ~drawn[:, :, :6].any(axis=(1, 2))]
    assert 0.33 < len(regions) / len(drawn) < 0.55, "parts of the face leave the border alone, others hardly ever"
    assert len({mask.tobytes() for mask in regions}) > 0.95 * len(regions), "no two are alike"
    assert regions[:, 16:56, 16:48].mean() > 0.3
    assert 0.05 < np.quantile(share, 0.3) < 0.3 and np.quantile(share, 0.8) > 0.5, "small and large ones"

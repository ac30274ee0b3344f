"""Growing, shrinking and inverting: equal to their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from exegan.masks.editing import BoolMask, grow, invert

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=14), elements=st.sampled_from([0, 0, 1]))


def near(mask: BoolMask, pixels: int) -> BoolMask:
    """Pixels whose distance to one of the mask is at most that, by looking at every pair."""
    if not mask.any():
        return mask
    places = np.argwhere(np.ones_like(mask))
    squared = ((places[:, None] - np.argwhere(mask)[None]) ** 2).sum(axis=2)
    return (squared.min(axis=1) <= pixels**2).reshape(mask.shape)


@settings(deadline=None)
@given(MASKS, st.integers(0, 20))
def test_growing_and_shrinking_are_distances(mask: BoolMask, pixels: int) -> None:
    before = mask.copy()
    assert np.array_equal(grow(mask, pixels), near(mask, pixels))
    assert np.array_equal(grow(mask, -pixels), ~near(~mask, pixels))
    assert np.array_equal(mask, before), "the mask handed in is left alone"


@settings(deadline=None)
@given(MASKS)
def test_inverting_twice_changes_nothing(mask: BoolMask) -> None:
    assert not (invert(mask) & mask).any()
    assert np.array_equal(invert(invert(mask)), mask)


def test_a_grown_point_is_a_disc() -> None:
    mask = np.zeros((101, 101), dtype=np.bool_)
    mask[50, 50] = True
    assert grow(mask, 40).sum() == pytest.approx(np.pi * 40**2, rel=0.01)


@pytest.mark.parametrize("pixels", [10**5, -(10**5), 10**9])
def test_distances_beyond_the_picture(pixels: int) -> None:
    mask = np.zeros((9, 7), dtype=np.bool_)
    mask[4, 3] = True
    assert grow(mask, pixels).all() == (pixels > 0) and grow(mask, pixels).any() == (pixels > 0)


def test_holes_at_the_rim_stay_there() -> None:
    mask = np.zeros((20, 20), dtype=np.bool_)
    mask[:10] = True
    assert np.array_equal(np.flatnonzero(grow(mask, -3).any(axis=1)), np.arange(7))

"""Irregular holes: the share asked for, the same for a seed, and always an end."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exegan.errors import MaskError
from exegan.masks.random import irregular_mask, parse_fraction

BINS = pytest.mark.parametrize("fraction", [(0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8)])


@BINS
def test_shares_fill_the_bin(fraction: tuple[float, float]) -> None:
    shares = [irregular_mask((64, 64), fraction, seed).mean() for seed in range(40)]
    assert fraction[0] <= min(shares) < fraction[0] + 0.05
    assert fraction[1] - 0.05 < max(shares) <= fraction[1]


@settings(max_examples=50, deadline=None)
@given(
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
    st.integers(0, 2**63),
)
def test_any_range_ends_and_is_kept(size_hw: tuple[int, int], ends: list[float], seed: int) -> None:
    low, high = ends
    pixels = size_hw[0] * size_hw[1]
    if max(np.ceil(low * pixels - 1e-6), 1) > np.floor(high * pixels + 1e-6):
        with pytest.raises(MaskError, match="no number of pixels"):
            irregular_mask(size_hw, (low, high), seed)
        return
    mask = irregular_mask(size_hw, (low, high), seed)
    assert mask.shape == size_hw and mask.dtype == np.bool_
    assert mask.any()
    assert low * pixels - 1e-3 <= mask.sum() <= high * pixels + 1e-3


def test_the_seed_decides() -> None:
    mask = irregular_mask((80, 120), (0.2, 0.4), 3)
    assert np.array_equal(mask, irregular_mask((80, 120), (0.2, 0.4), 3))
    assert not np.array_equal(mask, irregular_mask((80, 120), (0.2, 0.4), 4))
    assert hashlib.sha256(mask.tobytes()).hexdigest()[:16] == "b1ffaab76827b103", (
        "frozen sets are drawn again from their seeds"
    )


def test_holes_are_strokes_and_not_noise() -> None:
    mask = irregular_mask((256, 256), (0.3, 0.31), 1)
    rim = mask[:, 1:] != mask[:, :-1]
    assert 0.005 < rim.mean() < 0.05


@pytest.mark.parametrize("size_hw", [(300, 40), (40, 300)])
def test_strokes_are_all_over_an_oblong_picture(size_hw: tuple[int, int]) -> None:
    often = np.mean([irregular_mask(size_hw, (0.2, 0.6), seed) for seed in range(80)], axis=0)
    assert often.reshape(2, size_hw[0] // 2, -1).mean(axis=(1, 2)).min() > 0.3
    assert often.min() > 0.05


def test_whole_picture() -> None:
    assert irregular_mask((50, 50), (1.0, 1.0), 0).all()


@pytest.mark.parametrize(
    ("text", "fraction"), [("20-40", (0.2, 0.4)), ("0-12.5", (0.0, 0.125)), (" 7 - 7 ", (0.07, 0.07))]
)
def test_ranges_in_per_cent(text: str, fraction: tuple[float, float]) -> None:
    assert parse_fraction(text) == pytest.approx(fraction)


@pytest.mark.parametrize("text", ["", "20", "20-", "a-b", "1-2-3", "40-20", "0-101", "-5-5", "nan-nan"])
def test_ranges_that_are_none(text: str) -> None:
    with pytest.raises(MaskError, match="the hole's share is"):
        parse_fraction(text)


def test_negative_seed() -> None:
    with pytest.raises(MaskError, match="seed is -1"):
        irregular_mask((10, 10), (0.2, 0.4), -1)

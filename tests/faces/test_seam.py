"""A seam is as visible as its step is larger than those around it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from exegan.faces.seam import seam_score, sharpness_ratio


def noise(height: int = 80, width: int = 90) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(90, 110, (height, width, 3), dtype=np.uint8)


def disc(height: int = 80, width: int = 90, radius: float = 25) -> NDArray[np.bool_]:
    y, x = np.mgrid[:height, :width]
    hole: NDArray[np.bool_] = (x - width / 2) ** 2 + (y - height / 2) ** 2 < radius**2
    return hole


def test_an_untouched_photo_has_none() -> None:
    assert seam_score(noise(), disc()) == pytest.approx(1, abs=0.05)
    ramp = np.repeat(np.arange(90, dtype=np.uint8)[None, :, None], 80, axis=0).repeat(3, axis=2)
    assert seam_score(ramp, disc()) == pytest.approx(1, abs=0.05)


def test_the_larger_the_step_the_higher() -> None:
    scores = []
    for offset in (0, 5, 10, 20, 60, 120):
        picture = noise()
        picture[disc()] += np.uint8(offset)
        scores.append(seam_score(picture, disc()))
    assert scores == sorted(scores) and scores[-1] > 10


def test_closed_form_in_flat_surroundings() -> None:
    picture, hole = np.full((40, 40, 3), 100, dtype=np.uint8), np.zeros((40, 40), dtype=np.bool_)
    hole[10:20, 10:20] = True
    picture[hole] = 130
    assert seam_score(picture, hole) == pytest.approx(31), (
        "thirty levels and the one that counts as noise, over that one"
    )


@pytest.mark.parametrize("hole", [np.zeros((20, 20), bool), np.ones((20, 20), bool), np.eye(20, dtype=bool)])
def test_holes_without_a_rim_or_without_an_inside(hole: NDArray[np.bool_]) -> None:
    assert 0.5 < seam_score(noise(20, 20), hole) < 2


@pytest.mark.parametrize("box", [np.s_[:5, :5], np.s_[-5:, -5:], np.s_[:, :3], np.s_[7, 7]])
def test_holes_at_the_photo_s_rim(box: tuple[slice, slice]) -> None:
    hole = np.zeros((20, 20), dtype=np.bool_)
    hole[box] = True
    plain = noise(20, 20)
    stepped = plain.copy()
    stepped[hole] += np.uint8(100)
    assert seam_score(plain, hole) < 2 < seam_score(stepped, hole)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (9, 1)])
def test_tiny_photos(size: tuple[int, int]) -> None:
    hole = np.zeros(size, dtype=np.bool_)
    hole[0, 0] = True
    assert np.isfinite(seam_score(noise(*size), hole))


def test_sharpness_is_detail_in_the_hole_against_detail_around_it() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (120, 120, 3)).astype(np.uint8)
    hole = np.zeros((120, 120), dtype=np.bool_)
    hole[40:80, 40:80] = True
    assert sharpness_ratio(picture, hole) == pytest.approx(1, abs=0.1)
    softer = picture.copy()
    softer[hole] = 128
    assert sharpness_ratio(softer, hole) < 0.05
    blocks = np.kron(picture[:30, :30], np.ones((4, 4, 1), np.uint8))
    mixed = np.where(hole[..., None], blocks, picture)
    assert sharpness_ratio(mixed, hole) < 0.7 < sharpness_ratio(blocks, hole, 4) < 1.3, "in cells of the model's size"
    assert sharpness_ratio(picture, np.zeros_like(hole)) == sharpness_ratio(picture, ~np.zeros_like(hole)) == 1

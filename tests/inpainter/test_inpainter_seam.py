"""The seam score in closed form, and the share of a crop outside its photo."""

from __future__ import annotations

import numpy as np
import pytest

from exegan.inpainter.seam import crop_outside_photo, seam_score

MASK = np.zeros((60, 60), dtype=np.bool_)
MASK[20:40, 20:40] = True


def test_the_photo_itself_has_no_seam() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    assert seam_score(noise, noise, MASK) == pytest.approx(1, abs=0.1)
    flat = np.full((60, 60, 3), 90, dtype=np.uint8)
    assert seam_score(flat, flat, MASK) == 1


def test_an_offset_of_the_hole_raises_it() -> None:
    photo = np.full((60, 60, 3), 90, dtype=np.uint8)
    scores = [seam_score(photo, (photo + np.uint8(offset) * MASK[:, :, None]), MASK) for offset in (0, 5, 10, 40)]
    assert scores == [1, 6, 11, 41]


def test_what_the_hole_held_plays_no_part() -> None:
    random = np.random.default_rng(0)
    photo, after = (random.integers(0, 255, (60, 60, 3), dtype=np.uint8) for _ in range(2))
    erased = np.where(MASK[:, :, None], np.uint8(255), photo)
    assert seam_score(photo, after, MASK) == seam_score(erased, after, MASK)


@pytest.mark.parametrize("box", [np.s_[:, :], np.s_[0:0], np.s_[:1, :1], np.s_[:59], np.s_[30, 30]])
def test_any_mask_has_a_score(box: tuple[slice, ...]) -> None:
    mask = np.zeros((60, 60), dtype=np.bool_)
    mask[box] = True
    photo = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    assert 0.4 < seam_score(photo, photo, mask) < 2.5


def test_share_of_the_crop_outside_the_photo() -> None:
    whole = np.array([[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]])  # crop of 16 px of 32 photo pixels from the corner
    assert crop_outside_photo(whole, 16, (32, 32)) == 0
    assert crop_outside_photo(whole, 16, (24, 32)) == 0.25
    assert crop_outside_photo(whole, 16, (8, 16)) == 0.875

"""Putting a crop back: known pixels stay, the rim fits, the hole's old content is gone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from exegan.faces import paste as paste_module
from exegan.faces.align import Affine, crop_side, invert_affine, warp_crop
from exegan.faces.paste import hole_outside_crop, paste
from exegan.faces.seam import seam_score
from exegan.io import to_tensor

RESOLUTION = 32
Photo = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def make_affine(side: float, centre: tuple[float, float], degrees: float = 0.0) -> Affine:
    """Photo → crop for a square of that side in photo pixels, turned about its centre."""
    scale, angle = RESOLUTION / side, math.radians(degrees)
    turn = scale * np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return np.column_stack([turn, RESOLUTION / 2 - turn @ np.array(centre)])


def smooth_photo(height: int, width: int) -> Photo:
    y, x = np.mgrid[:height, :width]
    waves = [128 + 60 * np.sin(x / 40 + k) + 40 * np.cos(y / 30 - k) for k in range(3)]
    return np.stack(waves, axis=-1).astype(np.uint8)


def disc(height: int, width: int, radius: float) -> Mask:
    y, x = np.mgrid[:height, :width]
    return (x - width / 2) ** 2 + (y - height / 2) ** 2 < radius**2


@pytest.mark.parametrize("seed", range(12))
def test_known_pixels_are_bit_identical(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(3, 200, size=2)
    photo = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    mask = rng.random((height, width)) < rng.choice([0.01, 0.5, 0.99])
    mask[rng.integers(height), rng.integers(width)] = True
    centre = (float(rng.uniform(-20, width + 20)), float(rng.uniform(-20, height + 20)))
    affine = make_affine(float(rng.uniform(10, 300)), centre, float(rng.uniform(-180, 180)))
    before = photo.copy()
    result = paste(photo, torch.randn(3, RESOLUTION, RESOLUTION) * 3, mask, affine)
    assert np.array_equal(photo, before), "the photo itself is not touched"
    assert result.dtype == np.uint8
    assert np.array_equal(result[~mask], photo[~mask])


def test_hole_inside_the_crop_is_filled_and_beyond_it_left() -> None:
    photo = np.full((100, 100, 3), 200, dtype=np.uint8)
    mask = np.zeros((100, 100), dtype=np.bool_)
    mask[40:60, 10:90] = True
    affine = make_affine(40, (50, 50))
    result = paste(photo, torch.full((3, RESOLUTION, RESOLUTION), -1.0), mask, affine)
    assert (result[50, 45:55] < 150).all(), "dark in the middle"
    assert (result[40:60, 10:30] == 200).all()
    assert (result[40:60, 70:90] == 200).all()
    assert hole_outside_crop(mask, affine, RESOLUTION) == pytest.approx(0.5)


def test_old_content_of_the_hole_plays_no_part() -> None:
    photo, mask = smooth_photo(160, 120), disc(160, 120, 30)
    other = photo.copy()
    other[mask] = 255
    fake, affine = torch.rand(3, RESOLUTION, RESOLUTION) * 2 - 1, make_affine(100, (60, 80), 20)
    assert np.array_equal(paste(photo, fake, mask, affine), paste(other, fake, mask, affine))


@given(
    degrees=st.floats(-180, 180),
    shrinking=st.floats(0.5, 3),
    offset=st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3)),
)
@settings(max_examples=40, deadline=None)
def test_align_and_paste_back_is_a_round_trip(degrees: float, shrinking: float, offset: tuple[float, float]) -> None:
    """Of a picture without detail finer than a pixel of the crop, under any turn, size and place of the crop."""
    photo, mask = smooth_photo(150, 170), disc(150, 170, 8)
    side = RESOLUTION * shrinking
    affine = make_affine(side, (85 + offset[0] * (side - 24), 75 + offset[1] * (side - 24)), degrees)
    crop = to_tensor(warp_crop(photo, affine, RESOLUTION))[0]
    error = np.abs(paste(photo, crop, mask, affine)[mask].astype(float) - photo[mask])
    assert error.mean() < 2
    assert error.max() < 8


def test_colour_offset_is_gone_at_the_rim_and_stays_inside() -> None:
    photo = np.full((400, 400, 3), 180, dtype=np.uint8)
    mask, affine = disc(400, 400, 150), make_affine(390, (200, 200))
    result = paste(photo, torch.full((3, RESOLUTION, RESOLUTION), 80 / 127.5 - 1), mask, affine).astype(float)
    y, x = np.mgrid[:400, :400]
    depth = 150 - np.hypot(x - 200, y - 200)
    rim, inside = (depth > 0) & (depth < 2), depth > 3 * crop_side(affine, RESOLUTION) / 12
    assert np.abs(result[rim] - 180).mean() < 0.2 * 100
    assert np.abs(result[inside] - 80).max() < 0.2 * 100


def test_photo_that_is_all_hole_becomes_the_generated_picture() -> None:
    photo, mask = smooth_photo(64, 64), np.ones((64, 64), dtype=np.bool_)
    result = paste(photo, torch.full((3, RESOLUTION, RESOLUTION), 0.5), mask, make_affine(200, (32, 32)))
    assert (np.abs(result.astype(float) - 191) <= 1).all()


def test_thin_strokes_are_filled() -> None:
    photo = np.zeros((100, 100, 3), dtype=np.uint8)
    mask = np.zeros((100, 100), dtype=np.bool_)
    mask[50, 20:80] = True
    photo[mask] = 255
    result = paste(photo, torch.full((3, RESOLUTION, RESOLUTION), -1.0), mask, make_affine(100, (50, 50)))
    assert result.max() == 0, "the white scribble is gone"


def test_crop_beside_the_hole_changes_nothing() -> None:
    photo, mask = smooth_photo(100, 100), np.zeros((100, 100), dtype=np.bool_)
    mask[:10, :10] = True
    affine = make_affine(30, (80, 80))
    assert np.array_equal(paste(photo, torch.randn(3, RESOLUTION, RESOLUTION), mask, affine), photo)
    assert hole_outside_crop(mask, affine, RESOLUTION) == 1


@pytest.mark.parametrize("seed", range(12))
def test_only_what_lies_in_the_crop_changes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = (int(x) for x in rng.integers(1, 60, size=2))
    photo = np.full((height, width, 3), 128, dtype=np.uint8)
    photo.setflags(write=False)
    mask = np.ones((height, width), dtype=np.bool_)
    affine = make_affine(float(rng.uniform(8, 50)), (float(rng.uniform(0, width)), float(rng.uniform(0, height))), 77)
    result = paste(photo, torch.ones(3, RESOLUTION, RESOLUTION), mask, affine)
    y, x = np.mgrid[:height, :width] + 0.5
    points = np.tensordot(affine[:, :2], np.stack([x, y]), axes=1) + affine[:, 2, None, None]
    inside = (np.abs(points - RESOLUTION / 2) <= RESOLUTION / 2).all(axis=0)
    assert (result[~inside] == 128).all()
    assert (result[inside] > 128).mean() > 0.5
    assert hole_outside_crop(mask, affine, RESOLUTION) == pytest.approx(1 - inside.mean())


@pytest.mark.parametrize("side", [128, 64, 37])
def test_picture_larger_than_its_place_is_antialiased(side: int) -> None:
    resolution = 256
    fake = torch.rand(3, resolution, resolution) * 2 - 1
    scale = resolution / side
    affine = np.array([[scale, 0, -10 * scale], [0, scale, -10 * scale]])
    photo, mask = np.full((side + 20, side + 20, 3), 128, dtype=np.uint8), np.ones((side + 20,) * 2, dtype=np.bool_)
    result = paste(photo, fake, mask, affine)[10:-10, 10:-10]
    averaged = 255 / math.sqrt(12) / scale  # noise of a mean over scale² values
    assert 0.4 * averaged < result.std() < 1.2 * averaged


@pytest.mark.parametrize("resolution", [100, 200])
def test_detail_comes_back_where_it_was(resolution: int) -> None:
    y, x = np.mgrid[:150, :150]
    photo = (128 + 100 * np.sin(x / 5) * np.sin(y / 5)).astype(np.uint8)[:, :, None].repeat(3, axis=2)
    mask = disc(150, 150, 30)
    affine = make_affine(100, (75, 75), 10) * (resolution / RESOLUTION)
    result = paste(photo, to_tensor(warp_crop(photo, affine, resolution))[0], mask, affine)
    assert np.abs(result[mask].astype(float) - photo[mask]).mean() < 2, "half a pixel off would be 6"


def test_affine_and_its_inverse() -> None:
    affine = make_affine(77, (10, 20), 33)
    point = np.array([3.0, -4.0])
    there = affine[:, :2] @ point + affine[:, 2]
    back = invert_affine(affine)
    assert np.allclose(back[:, :2] @ there + back[:, 2], point)


def test_only_the_hole_s_surroundings_are_worked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small hole in a large face costs little, and filling it does not depend on a hole far away."""
    sizes = []
    original = paste_module.warp

    def spy(*args: Any, **options: Any) -> torch.Tensor:
        sizes.append(args[2])
        return original(*args, **options)

    monkeypatch.setattr(paste_module, "warp", spy)
    photo, affine, fake = smooth_photo(600, 600), make_affine(560, (300, 300)), torch.rand(3, RESOLUTION, RESOLUTION)
    near, both = np.zeros((600, 600), dtype=np.bool_), np.zeros((600, 600), dtype=np.bool_)
    near[100:120, 90:130] = both[100:120, 90:130] = both[450:470, 460:470] = True
    alone, together = paste(photo, fake, near, affine), paste(photo, fake, both, affine)
    band = math.ceil(560 / 12)
    assert max(height * width for height, width in sizes[:2]) <= (20 + 2 * band) * (40 + 2 * band)
    assert np.abs(alone[near].astype(int) - together[near]).mean() < 2


@pytest.mark.parametrize("side", [130, 200, 257, 380, 512, 760])
def test_a_difference_reaches_as_far_in_every_face(side: int) -> None:
    """What is left of an offset in the middle of a hole is the same share whatever the face's size."""
    photo = np.full((side, side, 3), 180, dtype=np.uint8)
    mask, affine = disc(side, side, 0.2 * side), make_affine(side, (side / 2, side / 2))
    result = paste(photo, torch.full((3, RESOLUTION, RESOLUTION), 80 / 127.5 - 1), mask, affine)
    left = (result[side // 2, side // 2, 0] - 80) / 100
    assert left == pytest.approx(0.12, abs=0.05)
    near = (result[side // 2, side // 2 + round(0.2 * side) - 2, 0] - 80) / 100
    assert near > 0.75


def test_a_large_photo_is_filled_in_strips_that_meet() -> None:
    """Strips of rows are warped one after the other; together they are what one warp would give."""
    photo, mask = smooth_photo(1300, 300), np.ones((1300, 300), dtype=np.bool_)
    mask[:, :20] = False
    affine, fake = make_affine(1200, (150, 650), 5), torch.rand(3, RESOLUTION, RESOLUTION)
    strips = paste(photo, fake, mask, affine)
    rows = paste_module._ROWS
    try:
        paste_module._ROWS = 5000
        assert np.abs(paste(photo, fake, mask, affine).astype(int) - strips).max() <= 1
    finally:
        paste_module._ROWS = rows


@given(
    size=st.tuples(st.integers(1, 120), st.integers(1, 120)),
    side=st.floats(4, 400),
    centre=st.tuples(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5)),
    degrees=st.floats(-180, 180),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_nothing_outside_the_mask_changes(
    size: tuple[int, int], side: float, centre: tuple[float, float], degrees: float, share: float, seed: int
) -> None:
    height, width = size
    rng = np.random.default_rng(seed)
    photo, mask = rng.integers(0, 256, (height, width, 3), dtype=np.uint8), rng.random(size) < share
    mask[rng.integers(height), rng.integers(width)] = True
    fake = torch.from_numpy(rng.normal(size=(3, RESOLUTION, RESOLUTION)))
    result = paste(photo, fake, mask, make_affine(side, (centre[0] * width, centre[1] * height), degrees))
    assert np.array_equal(result[~mask], photo[~mask])


def test_edits_one_after_the_other_lose_nothing_outside_their_masks() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    result, touched = photo, np.zeros((150, 150), dtype=np.bool_)
    for number in range(6):
        mask = np.zeros_like(touched)
        mask[20 * number : 20 * number + 25, 30:90] = True
        touched |= mask
        result = paste(result, torch.rand(3, RESOLUTION, RESOLUTION), mask, make_affine(120, (75, 75), 10 * number))
    assert np.array_equal(result[~touched], photo[~touched])


@pytest.mark.parametrize("side", [200, 800, 1600])
def test_a_seam_is_no_more_visible_on_a_large_face(side: int) -> None:
    rows, columns = np.mgrid[: side + 20, : side + 20]
    photo = np.stack([100 + 60 * np.sin(columns / side * 9 + k) * np.cos(rows / side * 7) for k in range(3)], axis=-1)
    mask = disc(*rows.shape, side / 5)
    affine = make_affine(side, (rows.shape[1] / 2, rows.shape[0] / 2))
    fake = to_tensor(warp_crop(photo.astype(np.uint8), affine, RESOLUTION))[0]
    light = torch.linspace(-0.9, 0.9, RESOLUTION)  # the generated face is lit from another side
    assert seam_score(paste(photo.astype(np.uint8), 0.1 * fake + light, mask, affine), mask) < 1.3

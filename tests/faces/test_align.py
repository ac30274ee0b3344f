"""The FFHQ crop and warps along it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from exegan.faces.align import (
    Affine,
    crop_box,
    crop_outside_photo,
    crop_side,
    ffhq_affine,
    invert_affine,
    shifted,
    warp,
    warp_crop,
    warp_mask,
)

# Eyes 40 px apart, mouth 36 px below them: upright and symmetric about x = 60.
UPRIGHT = np.array([[40, 50], [80, 50], [60, 70], [45, 86], [75, 86]], dtype=np.float64)
IDENTITY = np.array([[1.0, 0, 0], [0, 1, 0]])


def similarity(scale: float, radians: float, centre: tuple[float, float], resolution: int) -> Affine:
    """Photo → crop that enlarges by `scale`, turns, and puts a point of the photo into the crop's centre."""
    a, b = scale * math.cos(radians), scale * math.sin(radians)
    rows = np.array([[a, -b], [b, a]])
    return np.column_stack([rows, resolution / 2 - rows @ np.array(centre)])


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_upright_face_closed_form() -> None:
    affine = ffhq_affine(UPRIGHT, 256)
    half_side = max(2.0 * 40, 1.8 * 36)
    centre = np.array([60, 50 + 0.1 * 36])
    assert crop_side(affine, 256) == pytest.approx(2 * half_side)
    for corner, wanted in (((-1, -1), (0, 0)), ((1, -1), (256, 0)), ((1, 1), (256, 256)), ((0, 0), (128, 128))):
        point = centre + half_side * np.array(corner)
        assert np.allclose(affine[:, :2] @ point + affine[:, 2], wanted)


def test_mouth_decides_the_size_of_a_long_face() -> None:
    long = UPRIGHT + np.array([[0, 0], [0, 0], [0, 20], [0, 40], [0, 40]])
    assert crop_side(ffhq_affine(long, 64), 64) == pytest.approx(2 * 1.8 * 76)


@pytest.mark.parametrize(("degrees", "scale"), [(30, 1.0), (-90, 2.5), (170, 0.3)])
def test_crop_follows_the_face(degrees: float, scale: float) -> None:
    angle = math.radians(degrees)
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    moved = UPRIGHT @ turn.T + np.array([500.0, -70])
    there, here = ffhq_affine(moved, 128), ffhq_affine(UPRIGHT, 128)
    crop_points = [affine[:, :2] @ points.T + affine[:, 2:] for affine, points in ((there, moved), (here, UPRIGHT))]
    assert np.allclose(*crop_points)


def test_inverse_and_shift() -> None:
    affine = ffhq_affine(UPRIGHT, 64)
    back = invert_affine(affine)
    assert np.allclose(back[:, :2] @ affine[:, :2], np.eye(2))
    point = np.array([33.0, 44])
    moved = shifted(affine, 10, 20)
    assert np.allclose(moved[:, :2] @ (point - [10, 20]) + moved[:, 2], affine[:, :2] @ point + affine[:, 2])


def test_box_of_the_crop_is_cut_at_the_photo() -> None:
    affine = np.array([[0.5, 0, -5], [0, 0.5, -10]])  # the photo's square from (10, 20) to (74, 84)
    assert crop_box(affine, 32, (200, 100), margin=0) == (10, 20, 74, 84)
    assert crop_box(affine, 32, (200, 100), margin=15) == (0, 5, 89, 99)
    assert crop_box(affine, 32, (50, 40), margin=0) == (10, 20, 40, 50)
    left, top, right, bottom = crop_box(shifted(affine, 500, 500), 32, (50, 40), margin=0)
    assert 0 <= left < right <= 40
    assert 0 <= top < bottom <= 50


def test_identity_warps_nothing() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert np.array_equal(warp_crop(photo, IDENTITY, 32), photo)
    picture = torch.rand(1, 2, 9, 7)
    torch.testing.assert_close(warp(picture, IDENTITY, (9, 7), "bilinear"), picture)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_a_warp_by_whole_pixels_is_the_general_warp(mode: str) -> None:
    picture = torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(0))
    moved = np.array([[1.0, 0.0, -5.0], [0.0, 1.0, -3.0]])
    almost = moved + 1e-7
    result = warp(picture, moved, (10, 12), mode)
    assert torch.equal(result, picture[..., 3:13, 5:17])
    assert torch.allclose(result, warp(picture, almost, (10, 12), mode), atol=1e-4)
    beyond = warp(picture, moved, (20, 24), mode, padding="zeros")
    assert torch.allclose(beyond[..., :17, :19], picture[..., 3:, 5:], atol=1e-4)
    assert not beyond[..., 17:, :].any()


@pytest.mark.parametrize("scale", [0.25, 0.4, 1.0, 3.0])
def test_pixel_centres_are_half_a_pixel_in(scale: float) -> None:
    width = 400
    ramp = np.broadcast_to((np.arange(width) / 2).astype(np.float32)[None, :, None], (width, width, 3))
    affine = np.array([[scale, 0, -40 * scale], [0, scale, -40 * scale]])
    resolution = 64
    crop = warp_crop(np.round(ramp).astype(np.uint8), affine, resolution)[resolution // 2, :, 0].astype(float)
    centres = (
        np.arange(resolution) + 0.5
    ) / scale + 40  # in the photo, where pixel i's value is about (i + 0.5) / 2 - 1/4
    inside = centres < width - 2
    assert np.abs(crop[inside] - (centres[inside] / 2 - 0.25)).max() < 1.0
    assert abs((crop[inside] - (centres[inside] / 2 - 0.25)).mean()) < 0.3


def test_shrinking_is_antialiased() -> None:
    checks = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    crop = warp_crop(np.repeat(checks[:, :, None], 3, axis=2), np.array([[1 / 8, 0, 0], [0, 1 / 8, 0]]), 32)
    assert np.abs(crop.astype(float) - 127.5).max() < 2


def test_beyond_the_photo_it_is_mirrored_and_fades_to_the_median_colour() -> None:
    """As FFHQ is padded: what is known stays, the next row is its mirror image, farther off all is one colour."""
    side = 128
    photo = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    photo[..., 0] //= 4
    crop = warp_crop(photo, np.array([[1.0, 0, side / 2], [0, 1, 0]]), side).astype(float)
    half = side // 2
    assert np.array_equal(crop[:, half:], photo[:, :half])
    median = np.median(photo[:, :half].reshape(-1, 3), axis=0)
    assert np.abs(crop[:, : half - int(0.31 * side)] - median).max() <= 1
    mirrored = photo[:, half:0:-1].astype(float)
    alike = [np.corrcoef(crop[:, c].ravel(), mirrored[:, c].ravel())[0, 1] for c in (half - 1, half - 5)]
    assert alike[0] > 0.9 and alike[1] > 0.15, "mirrored at the rim, blurred within a twentieth of the side"
    assert crop[:, half - 1, 1].std() > 3 * crop[:, half - 12, 1].std()


def test_padding_does_not_show_what_is_in_the_hole() -> None:
    photos = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)
    mask = np.zeros((96, 96), dtype=np.bool_)
    mask[20:60, :40] = True
    photos[1][~mask] = photos[0][~mask]
    for affine in (np.array([[0.7, 0.1, 22.3], [-0.1, 0.7, 20.0]]), np.array([[1.0, 0, 40], [0, 1, 0]])):
        hole = warp_mask(mask, affine, 96)
        crops = [warp_crop(photo, affine, 96, hole) for photo in photos]
        assert np.array_equal(crops[0][hole == 0], crops[1][hole == 0])
        assert not np.array_equal(crops[0][hole == 1], crops[1][hole == 1])
    everything = np.ones((96, 96), dtype=np.float32)
    assert warp_crop(photos[0], affine, 96, everything).shape == (96, 96, 3)


def test_any_hole_pixel_shows_in_the_crop() -> None:
    rng = np.random.default_rng(0)
    affine = ffhq_affine(UPRIGHT * 6 + 200, 32)  # all of it in the photo
    assert not warp_mask(np.zeros((1100, 1100), dtype=np.bool_), affine, 32).any()
    for _ in range(20):
        x, y = rng.uniform(1, 31, size=2)
        back = invert_affine(affine)
        px, py = (back[:, :2] @ np.array([x, y]) + back[:, 2]).astype(int)
        mask = np.zeros((1100, 1100), dtype=np.bool_)
        mask[py, px] = True
        hole = warp_mask(mask, affine, 32)
        assert set(np.unique(hole)) == {0.0, 1.0}
        assert hole[int(y), int(x)] == 1
        assert hole.sum() <= 4
    assert warp_mask(np.ones((1100, 1100), dtype=np.bool_), affine, 32).all()


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("resolution", [64, 300])
def test_turned_photo_gives_the_same_crop(turns: int, resolution: int) -> None:
    photo, face = noise(160, 200), UPRIGHT + np.array([45, 20])
    expected = warp_crop(photo, ffhq_affine(face, resolution), resolution)
    for _ in range(turns):
        face = np.stack([face[:, 1], photo.shape[1] - face[:, 0]], axis=1)
        photo = np.rot90(photo)
    crop = warp_crop(photo, ffhq_affine(face, resolution), resolution)
    assert np.abs(crop.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("scale", [0.7, 1.0, 3.3])
def test_picture_of_coordinates_warps_to_what_the_inverse_says(mode: str, scale: float) -> None:
    y, x = np.mgrid[0:120, 0:150] + 0.5
    affine = similarity(scale, 0.4, (75.0, 60.0), 50)
    result = warp(torch.from_numpy(np.stack([x, y]))[None].float(), affine, (50, 50), mode)[0].flatten(1)
    y, x = np.mgrid[0:50, 0:50] + 0.5
    back = invert_affine(affine)
    expected = back[:, :2] @ np.stack([x.ravel(), y.ravel()]) + back[:, 2:]
    assert np.abs(result.numpy() - expected).max() < 0.05


def test_shrunk_crop_holds_the_mean_of_each_cell() -> None:
    photo = noise(96, 96)
    cells = photo.reshape(16, 6, 16, 6, 3).mean(axis=(1, 3))
    assert np.abs(warp_crop(photo, IDENTITY / 6, 16) - cells).max() < 0.51


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 7), (5, 1), (2, 2)])
def test_tiny_photo(size_hw: tuple[int, int]) -> None:
    photo = np.full((*size_hw, 3), 77, dtype=np.uint8)
    for scale in (0.2, 1.0, 5.0):
        affine = similarity(scale, 0.3, (size_hw[1] / 2, size_hw[0] / 2), 16)
        assert (warp_crop(photo, affine, 16) == 77).all()
        assert warp_mask(np.ones(size_hw, dtype=np.bool_), affine, 16).all()


def test_only_the_crop_s_surroundings_are_touched() -> None:
    side = 2_000_000  # more bytes than any memory has
    photo = np.broadcast_to(np.array([10, 20, 30], dtype=np.uint8), (side, side, 3))
    affine = similarity(0.3, 0.5, (1_500_000.0, 700_000.0), 64)
    assert (warp_crop(photo, affine, 64) == [10, 20, 30]).all()
    assert warp_mask(np.broadcast_to(np.True_, (side, side)), affine, 64).all()


@pytest.mark.parametrize("shrinking", [0.2, 0.8, 1.0, 1.3, 4.7, 16.0])
def test_known_pixels_of_the_crop_do_not_show_the_hole(shrinking: float) -> None:
    rng = np.random.default_rng(1)
    side = max(30, math.ceil(20 * shrinking))
    shown = 0
    for seed in range(6):
        mask = np.zeros((side, side), dtype=np.bool_)
        for x, y in rng.integers(0, side - 3, (4, 2)):
            mask[y : y + rng.integers(1, 4), x : x + rng.integers(1, 4)] = True
        black, white = noise(side, side, seed), noise(side, side, seed)
        black[mask], white[mask] = 0, 255
        affine = similarity(1 / shrinking, rng.uniform(-3, 3), tuple(rng.uniform(0.2, 0.8, 2) * side), 32)
        hole = warp_mask(mask, affine, 32)
        known = hole == 0
        crops = [warp_crop(photo, affine, 32, hole) for photo in (black, white)]
        assert np.array_equal(crops[0][known], crops[1][known])
        shown += int(known.sum())
    assert shown > 1000, "the mask is not simply all hole"


def test_single_hole_pixel_of_a_huge_face_shows() -> None:
    mask = np.zeros((1400, 1400), dtype=np.bool_)
    mask[700, 611] = True
    for radians in (0.0, 0.5, 0.785):
        assert 1 <= warp_mask(mask, similarity(1 / 110, radians, (700.0, 700.0), 12), 12).sum() <= 4


def test_mask_is_mirrored_with_the_photo() -> None:
    mask = np.zeros((60, 60), dtype=np.bool_)
    mask[:, 8:14] = True
    columns = warp_mask(mask, shifted(IDENTITY / 2, 24, 0), 24).any(axis=0)  # column 0 is at -24
    assert columns[16:19].all() and columns[6:8].all()
    assert not columns[[0, 1, 2, 10, 11, 12, 13, 20, 21]].any()


def test_the_share_of_a_crop_beyond_the_photo() -> None:
    affine = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert crop_outside_photo(affine, 64, (64, 64)) == 0
    assert crop_outside_photo(affine, 64, (64, 32)) == pytest.approx(0.5, abs=0.01)
    assert crop_outside_photo(affine, 64, (16, 16)) == pytest.approx(15 / 16, abs=0.01)
    away = np.array([[1.0, 0.0, 500.0], [0.0, 1.0, 0.0]])
    assert crop_outside_photo(away, 64, (64, 64)) == 1


def test_a_large_face_is_averaged_and_not_sampled() -> None:
    """A pattern finer than a crop pixel becomes grey; a hole of one photo pixel is not lost."""
    photo = np.indices((1600, 1600)).sum(axis=0) % 2 * np.uint8(255)
    affine = np.array([[1.0, 0.05, -40.0], [-0.05, 1.0, 40.0]]) * (32 / 1600)
    crop = warp_crop(np.repeat(photo[:, :, None], 3, axis=2).astype(np.uint8), affine, 32)
    assert np.abs(crop.astype(int) - 127).max() <= 2
    mask = np.zeros((1600, 1600), dtype=np.bool_)
    mask[801, 333] = True
    assert warp_mask(mask, affine, 32).sum() >= 1

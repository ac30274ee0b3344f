"""The FFHQ crop and warps along it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from exegan.faces.align import crop_box, crop_side, ffhq_affine, invert_affine, shifted, warp, warp_crop, warp_mask

# Eyes 40 px apart, mouth 36 px below them: upright and symmetric about x = 60.
UPRIGHT = np.array([[40, 50], [80, 50], [60, 70], [45, 86], [75, 86]], dtype=np.float64)
IDENTITY = np.array([[1.0, 0, 0], [0, 1, 0]])


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


def test_beyond_the_photo_it_is_mirrored() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    crop = warp_crop(photo, np.array([[1.0, 0, 8], [0, 1, 0]]), 16)
    assert np.array_equal(crop[:, 8:], photo[:, :8])
    assert np.abs(crop[:, :8].astype(float) - photo[:, 8:0:-1]).max() <= 1


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

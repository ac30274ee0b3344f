"""L1, PSNR, SSIM, seam and known pixels on pictures whose values are known."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import compare, left_half, pictures
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from exegan.metrics.base import Comparison, Measurements, PerImageMetric
from exegan.metrics.pixels import L1, PSNR, SSIM, HoleL1, HolePSNR, KnownPixelError, SeamStep


def values(metric: PerImageMetric, comparison: Comparison) -> np.ndarray:
    return metric.values(Measurements(metric.measure(comparison)))


def grey(level: int) -> np.ndarray:
    return np.full((2, 16, 16, 3), level, dtype=np.uint8)


def half_changed() -> Comparison:
    """51 levels brighter in the hole, the left half."""
    completed = grey(100)
    completed[:, :, :8] += 51
    return compare(completed, grey(100), left_half(2))


def test_whole_picture_and_hole() -> None:
    np.testing.assert_allclose(values(L1(), half_changed()), 0.1)
    np.testing.assert_allclose(values(HoleL1(), half_changed()), 0.2)
    np.testing.assert_allclose(values(HolePSNR(), half_changed()), 10 * np.log10(25))
    np.testing.assert_allclose(values(PSNR(), half_changed()), 10 * np.log10(50))


def test_equal_pictures() -> None:
    same = compare(pictures(), pictures(), left_half())
    for metric in (L1(), HoleL1(), SeamStep(), KnownPixelError()):
        np.testing.assert_array_equal(values(metric, same), 0)
    for metric in (PSNR(), HolePSNR()):
        np.testing.assert_allclose(values(metric, same), 100)
    for metric in (SSIM(), SSIM(in_hole=True)):
        np.testing.assert_allclose(values(metric, same), 1)


def test_agree_with_scikit_image() -> None:
    a, b = pictures(1)[0], pictures(1, seed=1)[0]
    assert values(PSNR(), compare(a[None], b[None]))[0] == pytest.approx(peak_signal_noise_ratio(b, a))
    # The library leaves out the rim, where the window reaches beyond the picture; ours has a value for every pixel.
    options = {"data_range": 255, "gaussian_weights": True, "use_sample_covariance": False, "full": True}
    channels = [structural_similarity(a[..., c], b[..., c], **options)[1] for c in range(3)]
    assert values(SSIM(), compare(a[None], b[None]))[0] == pytest.approx(np.mean(channels))


def test_hole_alone_sees_the_hole_alone() -> None:
    completed = pictures()
    completed[:, :, 8:] = 0
    spoilt_outside = compare(completed, pictures(), left_half())
    np.testing.assert_array_equal(values(HoleL1(), spoilt_outside), 0)
    assert (values(SSIM(), spoilt_outside) < values(SSIM(in_hole=True), spoilt_outside)).all()


def test_a_picture_without_a_hole_is_left_out() -> None:
    mask = left_half(2)
    mask[1] = False
    rows = HoleL1().measure(compare(grey(10), grey(0), mask))
    assert np.isnan(rows[1, 0])
    assert HoleL1().estimate(Measurements(np.concatenate([rows, rows])), 0).images == 2
    assert "1 images, needs 2" in str(HoleL1().shortfall(Measurements(rows)))


def test_seam_counts_steps_across_the_rim_alone() -> None:
    np.testing.assert_allclose(values(SeamStep(), half_changed()), 51)
    smooth = compare(half_changed().truth.pixels, half_changed().completed.pixels, left_half(2))
    np.testing.assert_allclose(values(SeamStep(), smooth), -51)


def test_known_pixels() -> None:
    np.testing.assert_array_equal(values(KnownPixelError(), half_changed()), 0)
    touched = pictures()
    touched[1, 3, 12, 2] ^= 7
    found = values(KnownPixelError(), compare(touched, pictures(), left_half()))
    assert found[0] == found[2] == 0 and 1 <= found[1] <= 7

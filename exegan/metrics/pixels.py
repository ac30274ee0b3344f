"""Metrics of pixels: L1, PSNR and SSIM over the picture and over the hole, the step at its rim, the known pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exegan.faces.seam import seam_step
from exegan.metrics.base import (
    Comparison,
    Measurements,
    PerImageMetric,
    Rows,
    ScalarMetric,
    as_rows,
    mean_in_hole,
    require,
)

# PSNR of equal pictures, whose ratio is infinite and would make every mean infinite.
LARGEST_DB = 100.0
_SSIM_ROWS = "SSIM"


class L1(ScalarMetric):
    """Mean absolute difference over pixels and channels, in [0, 1]."""

    def __init__(self) -> None:
        super().__init__("L1")

    def measure(self, batch: Comparison) -> Rows:
        return as_rows(np.abs(batch.difference).mean(axis=(1, 2, 3)) / 255)


class HoleL1(ScalarMetric):
    """`L1` over the hole's pixels alone."""

    needs = frozenset({"mask"})

    def __init__(self) -> None:
        super().__init__("L1 in the hole")

    def measure(self, batch: Comparison) -> Rows:
        return as_rows(mean_in_hole(np.abs(batch.difference).mean(axis=3), batch.hole) / 255)


class PSNR(ScalarMetric):
    """PSNR in dB of each picture (peak 255, error over pixels and channels), at most 100; then the mean."""

    better = "higher"

    def __init__(self) -> None:
        super().__init__("PSNR")

    def measure(self, batch: Comparison) -> Rows:
        return as_rows(_decibel(np.square(batch.difference).mean(axis=(1, 2, 3))))


class HolePSNR(ScalarMetric):
    """`PSNR` with the error over the hole's pixels alone."""

    better = "higher"
    needs = frozenset({"mask"})

    def __init__(self) -> None:
        super().__init__("PSNR in the hole")

    def measure(self, batch: Comparison) -> Rows:
        return as_rows(_decibel(mean_in_hole(np.square(batch.difference).mean(axis=3), batch.hole)))


def _decibel(squared_error: NDArray[np.float64]) -> NDArray[np.float64]:
    smallest = 255**2 / 10 ** (LARGEST_DB / 10)
    return 10 * np.log10(255**2 / np.maximum(squared_error, smallest))


class SSIM(PerImageMetric):
    """Mean over pixels and RGB channels; Gaussian window of sigma 1.5, 11 px wide, population covariance.

    Args:
        in_hole: Mean over the hole's pixels alone.
    """

    better = "higher"

    def __init__(self, in_hole: bool = False) -> None:
        super().__init__("SSIM in the hole" if in_hole else "SSIM", rows_key=_SSIM_ROWS)
        require("skimage.metrics")
        self.in_hole = in_hole
        self.needs = frozenset({"mask"}) if in_hole else frozenset()

    def measure(self, batch: Comparison) -> Rows:
        pairs = zip(batch.truth.pixels, batch.completed.pixels, strict=True)
        maps = np.stack([self._map(truth, completed) for truth, completed in pairs])
        whole = maps.mean(axis=(1, 2))
        return as_rows(whole, np.full_like(whole, np.nan) if batch.mask is None else mean_in_hole(maps, batch.mask))

    def values(self, measurements: Measurements) -> NDArray[np.float64]:
        return measurements.rows[:, int(self.in_hole)]

    @staticmethod
    def _map(truth: NDArray[np.uint8], completed: NDArray[np.uint8]) -> NDArray[np.float64]:
        _, similarity = require("skimage.metrics").structural_similarity(
            truth,
            completed,
            data_range=255,
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        result: NDArray[np.float64] = similarity.mean(axis=2)
        return result


class SeamStep(ScalarMetric):
    """Step across the hole's rim (`seam_step`) less the truth's, in levels of 0..255.

    Above 0 there is an edge that was not there; below 0 the picture is smoother across the rim than the truth. Not the
    `seam_score` of a result, which is a ratio and needs no truth.
    """

    better = "zero"
    needs = frozenset({"mask"})

    def __init__(self) -> None:
        super().__init__("seam")

    def measure(self, batch: Comparison) -> Rows:
        triples = zip(batch.completed.pixels, batch.truth.pixels, batch.hole, strict=True)
        return as_rows(np.array([seam_step(got, hole) - seam_step(truth, hole) for got, truth, hole in triples]))


class KnownPixelError(ScalarMetric):
    """Largest difference from the truth outside the hole, in levels of 0..255; anything but 0 is a defect."""

    better = "zero"
    needs = frozenset({"mask"})

    def __init__(self) -> None:
        super().__init__("known-pixel error")

    def measure(self, batch: Comparison) -> Rows:
        outside = np.abs(batch.difference).max(axis=3) * ~batch.hole
        return as_rows(outside.max(axis=(1, 2)))

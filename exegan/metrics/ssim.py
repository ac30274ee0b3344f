"""Structural similarity (Wang et al. 2004), scikit-image's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exegan.metrics.base import Evidence, require
from exegan.metrics.comparison import Comparison, Rows, columns, mean_in_hole
from exegan.metrics.resampling import PerPicture

KEY = "SSIM"


class SSIM(PerPicture):
    """Mean over pixels and RGB channels; Gaussian window of sigma 1.5, 11 px wide, population covariance.

    Args:
        in_hole: Mean over the hole's pixels alone.
    """

    better = "higher"

    def __init__(self, in_hole: bool = False) -> None:
        super().__init__("SSIM in the hole" if in_hole else "SSIM", rows_key=KEY)
        require("skimage.metrics")
        self.in_hole = in_hole
        self.needs = frozenset({"mask"}) if in_hole else frozenset()

    def measure(self, batch: Comparison) -> Rows:
        pairs = zip(batch.truth.pixels, batch.completed.pixels, strict=True)
        maps = np.stack([self._map(truth, completed) for truth, completed in pairs])
        whole = maps.mean(axis=(1, 2))
        return columns(whole, np.full_like(whole, np.nan) if batch.mask is None else mean_in_hole(maps, batch.mask))

    def values(self, evidence: Evidence) -> NDArray[np.float64]:
        return evidence.rows[:, int(self.in_hole)]

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

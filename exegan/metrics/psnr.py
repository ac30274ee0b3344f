"""Peak signal-to-noise ratio."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exegan.metrics.comparison import Comparison, Rows, columns, mean_in_hole
from exegan.metrics.resampling import FirstColumn

# What equal pictures count as, whose ratio is infinite and would make every mean infinite.
LARGEST_DB = 100.0


class PSNR(FirstColumn):
    """PSNR in dB of each picture (peak 255, error over pixels and channels), at most 100; then the mean."""

    better = "higher"

    def __init__(self) -> None:
        super().__init__("PSNR")

    def measure(self, batch: Comparison) -> Rows:
        return columns(_decibel(np.square(batch.difference).mean(axis=(1, 2, 3))))


class HolePSNR(FirstColumn):
    """`PSNR` with the error over the hole's pixels alone."""

    better = "higher"
    needs = frozenset({"mask"})

    def __init__(self) -> None:
        super().__init__("PSNR in the hole")

    def measure(self, batch: Comparison) -> Rows:
        return columns(_decibel(mean_in_hole(np.square(batch.difference).mean(axis=3), batch.hole)))


def _decibel(squared_error: NDArray[np.float64]) -> NDArray[np.float64]:
    smallest = 255**2 / 10 ** (LARGEST_DB / 10)
    return 10 * np.log10(255**2 / np.maximum(squared_error, smallest))

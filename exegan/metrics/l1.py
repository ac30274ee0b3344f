"""Mean absolute error."""

from __future__ import annotations

import numpy as np

from exegan.metrics.comparison import Comparison, Rows, columns, mean_in_hole
from exegan.metrics.resampling import FirstColumn


class L1(FirstColumn):
    """Mean absolute difference over pixels and channels, in [0, 1]."""

    def __init__(self) -> None:
        super().__init__("L1")

    def measure(self, batch: Comparison) -> Rows:
        return columns(np.abs(batch.difference).mean(axis=(1, 2, 3)) / 255)


class HoleL1(FirstColumn):
    """`L1` over the hole's pixels alone."""

    needs = frozenset({"mask"})

    def __init__(self) -> None:
        super().__init__("L1 in the hole")

    def measure(self, batch: Comparison) -> Rows:
        return columns(mean_in_hole(np.abs(batch.difference).mean(axis=3), batch.hole) / 255)

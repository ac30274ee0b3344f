"""Whether pixels outside the hole were left alone."""

from __future__ import annotations

import numpy as np

from exegan.metrics.comparison import Comparison, Rows, columns
from exegan.metrics.resampling import FirstColumn


class KnownPixelError(FirstColumn):
    """Largest difference from the truth outside the hole, in levels of 0..255; anything but 0 is a defect."""

    better = "zero"
    needs = frozenset({"mask"})

    def __init__(self) -> None:
        super().__init__("known-pixel error")

    def measure(self, batch: Comparison) -> Rows:
        outside = np.abs(batch.difference).max(axis=3) * ~batch.hole
        return columns(outside.max(axis=(1, 2)))

"""Whether the rim of the hole can be seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exegan.metrics.comparison import Comparison, Rows, columns
from exegan.metrics.resampling import FirstColumn


class Seam(FirstColumn):
    """Mean absolute step between neighbours on either side of the hole's rim, less the truth's, in levels of 0..255.

    Above 0 there is an edge that was not there; below 0 the picture is smoother across the rim than the truth.
    """

    better = "zero"
    needs = frozenset({"mask"})

    def __init__(self) -> None:
        super().__init__("seam")

    def measure(self, batch: Comparison) -> Rows:
        triples = zip(batch.completed.pixels, batch.truth.pixels, batch.hole, strict=True)
        return columns(np.array([_step(got, hole) - _step(truth, hole) for got, truth, hole in triples]))


def _step(picture: NDArray[np.uint8], hole: NDArray[np.bool_]) -> float:
    """Mean over neighbouring pixels, one in the hole and one outside, and over channels; NaN without a rim."""
    levels = picture.astype(np.float64)
    across = np.abs(np.diff(levels, axis=1))[hole[:, 1:] != hole[:, :-1]]
    down = np.abs(np.diff(levels, axis=0))[hole[1:] != hole[:-1]]
    steps = np.concatenate([across, down])
    return float(steps.mean()) if steps.size else float("nan")

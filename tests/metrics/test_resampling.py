"""Intervals cover what they should."""

from __future__ import annotations

import numpy as np
import pytest

from exegan.metrics.base import Comparison, Measurements, Rows, SetMetric
from exegan.metrics.pixels import L1


class Mean(SetMetric):
    """The mean of the rows, whose standard error is known."""

    def measure(self, batch: Comparison) -> Rows:
        raise NotImplementedError

    def score(self, rows: Rows, truth: Rows) -> float:
        return float(rows.mean())


def test_bootstrap_has_the_standard_error() -> None:
    rows = np.random.default_rng(0).normal(5, 2, size=(400, 1))
    found = L1().estimate(Measurements(rows), 0)
    assert found.value == pytest.approx(rows.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * 2 / 20, rel=0.15)
    assert L1().estimate(Measurements(rows), 0) == found != L1().estimate(Measurements(rows), 1)


def test_halves_have_the_standard_error() -> None:
    rows = np.random.default_rng(0).normal(5, 2, size=(400, 1))
    widths = []
    for seed in range(10):
        found = Mean("mean").estimate(Measurements(rows, rows), seed)
        widths.append(found.high - found.low)
    assert np.mean(widths) == pytest.approx(2 * 1.96 * 2 / 20, rel=0.15)

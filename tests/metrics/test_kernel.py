"""The kernel distance beside its definition written as loops."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import network

from exegan.metrics.base import Evidence
from exegan.metrics.kernel import Kernel


def by_loops(x: np.ndarray, y: np.ndarray) -> float:
    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return (float(a @ b) / len(a) + 1) ** 3

    count = len(x)
    within = sum(kernel(s[i], s[j]) for s in (x, y) for i in range(count) for j in range(count) if i != j)
    between = sum(kernel(a, b) for a in x for b in y)
    return within / (count * (count - 1)) - 2 * between / count**2


def test_is_its_definition() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(25, 5)), rng.normal(size=(25, 5)) + 0.5
    assert Kernel(network("inception")).score(a, b) == pytest.approx(by_loops(a, b))


def test_zero_lies_in_the_interval_of_sets_from_one_source() -> None:
    rng = np.random.default_rng(1)
    metric = Kernel(network("inception"))
    same = metric.estimate(Evidence(rng.normal(size=(200, 4)), rng.normal(size=(200, 4))), 0)
    apart = metric.estimate(Evidence(rng.normal(size=(200, 4)) + 1, rng.normal(size=(200, 4))), 0)
    assert same.low < 0 < same.high < apart.low

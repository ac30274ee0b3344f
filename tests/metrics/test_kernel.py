"""The kernel distance beside its definition written as loops."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import network
from torch import Tensor

from exegan.metrics import distributions as kernel
from exegan.metrics.base import Measurements
from exegan.metrics.distributions import Kernel


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
    same = metric.estimate(Measurements(rng.normal(size=(200, 4)), rng.normal(size=(200, 4))), 0)
    apart = metric.estimate(Measurements(rng.normal(size=(200, 4)) + 1, rng.normal(size=(200, 4))), 0)
    assert same.low < 0 < same.high < apart.low


def test_large_sets_are_measured_in_subsets(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(90, 4)), rng.normal(size=(90, 4)) + 0.5
    metric = Kernel(network("inception"))
    whole, sizes = metric.score(a, b), []
    distance = kernel.require("torchmetrics.image.kid").poly_mmd

    def noted(x: Tensor, y: Tensor) -> Tensor:
        sizes.append((len(x), len(y)))
        return distance(x, y)

    monkeypatch.setattr("torchmetrics.image.kid.poly_mmd", noted)
    assert metric.note(a) == "" and "subsets" not in metric.estimate(Measurements(a, b), 0).note
    monkeypatch.setattr(kernel, "SUBSET", 40)
    sizes.clear()
    mean = metric.score(a, b)
    assert sizes == [(40, 40)] * kernel.SUBSETS, "no matrix of all pictures"
    assert mean == pytest.approx(whole, rel=0.1) and mean == pytest.approx(metric.score(a, b), rel=1e-9)
    assert metric.estimate(Measurements(a, b), 0).note == "mean of 100 random subsets of 40 images"

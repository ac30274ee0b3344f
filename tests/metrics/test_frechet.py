"""The Fréchet distance in closed form, and beside two independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from fakes import compare, gaussian, network, pictures
from torch import nn

from exegan.metrics.base import Measurements
from exegan.metrics.distributions import Frechet, frechet_distance


def by_square_root(a: np.ndarray, b: np.ndarray) -> float:
    """The formula as it is written, with scipy's square root of a matrix."""
    s, t = np.cov(a.T), np.cov(b.T)
    root = scipy.linalg.sqrtm(s @ t).real
    return float(np.square(a.mean(axis=0) - b.mean(axis=0)).sum() + np.trace(s + t - 2 * root))


def test_known_gaussians() -> None:
    scales = torch.tensor([1.0, 2.0, 3.0])
    a = gaussian(50, torch.zeros(3), torch.eye(3), 0)
    b = gaussian(40, torch.tensor([3.0, 0.0, 4.0]), torch.diag(scales), 1)
    # Commuting covariances: |means|² + Σ (standard deviations' difference)².
    assert frechet_distance(a, b) == pytest.approx(25 + 0 + 1 + 4)


def test_equal_sets_have_none() -> None:
    rows = np.random.default_rng(0).normal(size=(30, 8))
    assert frechet_distance(rows, rows[::-1]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("count", "dim"), [(60, 8), (9, 8), (200, 33)])
def test_equals_scipys_square_root(count: int, dim: int) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(count, dim)), 1.5 * rng.normal(size=(count + 3, dim)) @ rng.normal(size=(dim, dim))
    assert frechet_distance(a, b) == pytest.approx(by_square_root(a, b), rel=1e-9)


def test_equals_scipys_where_images_are_fewer_than_features() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(6, 20)), rng.normal(size=(7, 20)) + 1
    # The root of a singular matrix costs scipy most of its digits.
    assert frechet_distance(a, b) == pytest.approx(by_square_root(a, b), rel=1e-4)


def test_equals_torchmetrics() -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(80, 6)), rng.normal(size=(80, 6)) * 2 + 1
    feature = nn.Identity()
    feature.num_features = 6
    peer = FrechetInceptionDistance(feature=feature).set_dtype(torch.float64)
    peer.update(torch.from_numpy(a), real=True)
    peer.update(torch.from_numpy(b), real=False)
    assert frechet_distance(b, a) == pytest.approx(float(peer.compute()), rel=1e-6)


def test_interval_and_names() -> None:
    metric = Frechet(network("mobilefacenet"))
    assert metric.name == "frechet (mobilefacenet, 16>face crop>112 aa-bilinear)"
    assert Frechet(network("inception")).name == "FID (inception, 16>299 TF1-bilinear)"
    rng = np.random.default_rng(0)
    measurements = Measurements(rng.normal(size=(40, 4)) + 1, rng.normal(size=(40, 4)))
    found = metric.estimate(measurements, 0)
    assert found.low < found.value < found.high and found.images == 40
    again = metric.estimate(measurements, 0)
    assert (again.value, again.low, again.high) == pytest.approx((found.value, found.low, found.high))
    assert "40 images for 4 features" in found.note == again.note
    assert metric.shortfall(Measurements(measurements.rows[:9])) == "9 images, needs 10"


def test_rows_are_the_networks_features() -> None:
    shown = pictures()
    rows = Frechet(network("mobilefacenet")).measure(compare(shown, shown))
    assert rows.shape == (3, 12)
    np.testing.assert_allclose(rows[:, 0], shown[:, :8, :8, 0].mean(axis=(1, 2)) / 127.5 - 1, rtol=1e-5)

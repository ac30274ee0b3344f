"""Perceptual distance and diversity beside the loss's formula."""

from __future__ import annotations

import numpy as np
import torch
from fakes import Quarters, compare, left_half, network, pictures

from exegan.io import to_tensor
from exegan.losses.terms import perceptual_distance
from exegan.metrics.base import Comparison, ImageBatch, Measurements
from exegan.metrics.similarity import Diversity, Perceptual

NET = network("lpips-alex")


def expected(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return perceptual_distance(to_tensor(list(a)), to_tensor(list(b)), Quarters("maps")).numpy()


def test_whole_picture_is_the_losses_distance() -> None:
    a, b = pictures(), pictures(seed=1)
    metric = Perceptual(NET)
    np.testing.assert_allclose(metric.values(Measurements(metric.measure(compare(a, b)))), expected(a, b), rtol=1e-5)


def test_hole_alone() -> None:
    truth, completed = pictures(), pictures()
    completed[:, :, 8:] = 255 - completed[:, :, 8:]
    metric = Perceptual(NET, in_hole=True)
    outside = compare(completed, truth, left_half())
    inside = compare(completed, truth, ~left_half())
    whole = Perceptual(NET).values(Measurements(Perceptual(NET).measure(inside)))
    np.testing.assert_allclose(metric.values(Measurements(metric.measure(outside))), 0)
    np.testing.assert_allclose(metric.values(Measurements(metric.measure(inside))), 2 * whole, rtol=1e-5)


def test_names() -> None:
    assert Perceptual(NET).name == "LPIPS (lpips-alex, 16)"
    assert Perceptual(network("vgg19"), in_hole=True).name == "LPIPS-like (vgg19, 16) in the hole"
    assert Diversity(network("vgg19", trained_on=True)).trained_on


def test_diversity_is_the_distance_between_samples() -> None:
    truth, first, second = pictures(), pictures(seed=1), pictures(seed=2)
    rows = Diversity(NET).measure(Comparison(ImageBatch(first), ImageBatch(truth), second=ImageBatch(second)))
    np.testing.assert_allclose(rows[:, 0], expected(first, second), rtol=1e-5)
    same = Diversity(NET).measure(Comparison(ImageBatch(first), ImageBatch(truth), second=ImageBatch(first)))
    np.testing.assert_allclose(same, 0, atol=1e-9)

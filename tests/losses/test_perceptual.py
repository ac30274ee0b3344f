"""Perceptual distance and loss: the definition that frozen nets rely on, written out."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from helpers import tiny_perceptual_net

from exegan.losses.terms import perceptual_distance, perceptual_loss


def test_distance_is_squared_over_channels_mean_over_positions_sum_over_levels() -> None:
    a = torch.zeros(2, 3, 4, 4)
    b = torch.zeros(2, 3, 4, 4)
    b[0, :, :2, :2] = torch.tensor([1.0, 2.0, 3.0])[:, None, None]  # a quarter of the whole and of the half picture
    assert perceptual_distance(a, b, tiny_perceptual_net).tolist() == [14 / 4 + 14 / 4, 0]


def test_loss_is_the_sum_over_the_batch() -> None:
    completed, image = torch.rand(2, 3, 3, 8, 8)
    loss = perceptual_loss(completed, image, tiny_perceptual_net, torch.rand(3, 1, 8, 8))
    torch.testing.assert_close(loss, perceptual_distance(completed, image, tiny_perceptual_net).sum())
    pairs = zip(completed.split(1), image.split(1), strict=True)
    single = [perceptual_distance(*pair, tiny_perceptual_net).item() for pair in pairs]
    assert loss.item() == pytest.approx(sum(single)) and len(set(single)) == 3
    assert perceptual_loss(image, image, tiny_perceptual_net, torch.ones(3, 1, 8, 8)) == 0


def test_gradient_is_weighted() -> None:
    completed, image = torch.rand(2, 2, 3, 8, 8)
    completed.requires_grad_()
    weight_map = torch.rand(2, 1, 8, 8) * (torch.rand(2, 1, 8, 8) < 0.5)
    (weighted,) = torch.autograd.grad(perceptual_loss(completed, image, tiny_perceptual_net, weight_map), completed)
    difference = completed.detach() - image
    smooth = F.interpolate(F.avg_pool2d(difference, 2), scale_factor=2)
    # Derivatives of the two levels: 2d/64, and 2·mean(d)/16 spread over four pixels.
    torch.testing.assert_close(weighted, (2 * difference / 64 + 2 * smooth / 16 / 4) * weight_map)


def test_empty_batch_costs_nothing_and_calls_nothing() -> None:
    completed = torch.rand(2, 3, 8, 8, requires_grad=True)
    nobody = torch.zeros(2, dtype=torch.bool)
    loss = perceptual_loss(completed[nobody], completed[nobody], lambda _: 1 / 0, torch.ones(0, 1, 8, 8))
    loss.backward()
    assert loss == 0 and completed.grad is not None and (completed.grad == 0).all()


def test_large_pictures_are_reduced_for_the_network() -> None:
    completed, image = torch.rand(2, 3, 3, 16, 16)
    weight_map = torch.ones(3, 1, 16, 16)
    reduced = [F.interpolate(picture, (8, 8), mode="bilinear", antialias=True) for picture in (completed, image)]
    loss = perceptual_loss(completed, image, tiny_perceptual_net, weight_map, largest=8)
    torch.testing.assert_close(loss, perceptual_distance(*reduced, tiny_perceptual_net).sum())
    full = perceptual_loss(completed, image, tiny_perceptual_net, weight_map)
    assert perceptual_loss(completed, image, tiny_perceptual_net, weight_map, largest=32) == full != loss

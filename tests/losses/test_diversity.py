"""Diversity: the weighted difference against a target, with a gradient that parts the pictures."""

from __future__ import annotations

import pytest
import torch

from exegan.losses.terms import diversity_loss


def test_shortfall_of_the_weighted_difference() -> None:
    first = torch.rand(3, 3, 4, 4)
    weight = torch.zeros(3, 1, 4, 4)
    weight[:, :, :2] = 1
    second = first.clone()
    second[0, :, :2] += 0.05  # half of the target where it counts
    second[1, :, 2:] += 9.0  # only where it does not
    second[2, :, 0] += 0.6  # more than enough on average
    assert diversity_loss(first, second, weight, target=0.1).item() == pytest.approx((0.5 + 1 + 0) / 3)


def test_gradient_parts_what_is_too_alike_and_leaves_the_rest() -> None:
    first = torch.tensor([0.2, 0.5]).view(2, 1, 1, 1).expand(2, 3, 4, 4).clone().requires_grad_()
    second = torch.tensor([0.21, 0.9]).view(2, 1, 1, 1).expand(2, 3, 4, 4)
    diversity_loss(first, second, torch.ones(2, 1, 4, 4), target=0.1).backward()
    assert first.grad is not None
    assert (first.grad[0] > 0).all(), "descent lowers the lower one"
    assert (first.grad[1] == 0).all()


def test_no_hole_is_no_error() -> None:
    picture = torch.rand(1, 3, 4, 4, requires_grad=True)
    loss = diversity_loss(picture, picture.detach() + 1, torch.zeros(1, 1, 4, 4), target=0.1)
    loss.backward()
    assert loss == 1 and picture.grad is not None and (picture.grad == 0).all()

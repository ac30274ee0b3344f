"""Adversarial terms against what pencil and paper give."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from exegan.losses.terms import (
    discriminator_loss,
    generator_loss,
    patch_discriminator_loss,
    patch_generator_loss,
    path_lengths,
    r1_penalty,
)


@pytest.mark.parametrize("logit", [-2.0, 0.0, 0.5])
def test_logistic_losses(logit: float) -> None:
    fake = torch.full((4,), logit, requires_grad=True)
    real = torch.full((2,), logit + 1)
    sigmoid = 1 / (1 + math.exp(-logit))
    loss = generator_loss(fake)
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(sigmoid))
    assert fake.grad is not None and fake.grad.tolist() == pytest.approx([(sigmoid - 1) / 4] * 4)
    expected = math.log(1 + math.exp(-logit - 1)) - math.log(1 - sigmoid)
    assert discriminator_loss(real, fake).item() == pytest.approx(expected)


def test_losses_of_a_sure_discriminator_are_finite() -> None:
    sure = torch.tensor([1000.0])
    assert generator_loss(-sure) == 1000 and generator_loss(sure) == 0
    assert discriminator_loss(sure, -sure) == 0 and discriminator_loss(-sure, sure) == 2000


def test_patches_without_a_hole_count_nothing() -> None:
    """Two heads, one of which has a hole in a quarter of its only patch with one; by hand."""
    real = [torch.tensor([[[[0.5, 9.0]]]]), torch.tensor([[[[-1.0]]]])]
    fake = [torch.tensor([[[[-3.0, 9.0]]]], requires_grad=True), torch.tensor([[[[0.25]]]], requires_grad=True)]
    shares = [torch.tensor([[[[0.25, 0.0]]]]), torch.tensor([[[[1.0]]]])]
    assert patch_discriminator_loss(real, fake, shares).item() == pytest.approx((0.5 + 2 + 1.25) / 2)
    loss = patch_generator_loss(fake, shares)
    assert loss.item() == pytest.approx((3 - 0.25) / 2)
    loss.backward()
    assert fake[0].grad is not None and fake[0].grad.flatten().tolist() == [-0.5, 0]
    nothing = [torch.zeros_like(share) for share in shares]
    assert patch_generator_loss(fake, nothing) == 0, "no hole at all"


def test_r1_of_a_linear_discriminator_is_its_weight_s_squared_norm() -> None:
    weight = torch.randn(3, 4, 4, dtype=torch.float64, requires_grad=True)
    real = torch.randn(5, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    penalty = r1_penalty((real * weight).sum(dim=(1, 2, 3)) + 3, real)
    torch.testing.assert_close(penalty, weight.square().sum())
    (grad,) = torch.autograd.grad(penalty, weight)
    torch.testing.assert_close(grad, 2 * weight)


def test_r1_is_the_mean_over_samples_and_can_be_trained_on() -> None:
    real = torch.randn(4, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    penalty = r1_penalty(real.square().sum(dim=(1, 2, 3)) / 2, real)
    torch.testing.assert_close(penalty, real.square().sum() / 4)

    def penalty_of(weight: Tensor) -> Tensor:
        return r1_penalty(F.conv2d(real, weight).tanh().sum(dim=(1, 2, 3)), real)

    weight = torch.randn(2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(penalty_of, (weight,))


def linear_generator(weight: Tensor, w_plus: Tensor) -> Tensor:
    """weight [pixels, num_ws * w_dim] → pictures [B, 3, 2, 4]."""
    return (w_plus.flatten(1) @ weight.T).view(-1, 3, 2, 4)


@pytest.fixture
def linear() -> tuple[Tensor, Tensor, Tensor]:
    """Weight, w_plus and direction of a linear generator of 24 pixels from 5 latents of 2."""
    shapes = (24, 10), (3, 5, 2), (3, 3, 2, 4)
    weight, w_plus, noise = (torch.randn(shape, dtype=torch.float64) for shape in shapes)
    return weight.requires_grad_(), w_plus.requires_grad_(), noise


def test_path_lengths_of_a_linear_map(linear: tuple[Tensor, Tensor, Tensor]) -> None:
    weight, w_plus, noise = linear
    lengths = path_lengths(linear_generator(weight, w_plus), w_plus, noise)
    steps = (noise.flatten(1) @ weight / math.sqrt(2 * 4)).view(3, 5, 2)
    expected = torch.stack([torch.stack([step.norm() ** 2 for step in sample]).mean().sqrt() for sample in steps])
    torch.testing.assert_close(lengths, expected)


def test_path_lengths_can_be_trained_on(linear: tuple[Tensor, Tensor, Tensor]) -> None:
    weight, w_plus, noise = linear

    def lengths_of(weight: Tensor) -> Tensor:
        return path_lengths(linear_generator(weight, w_plus).tanh(), w_plus, noise)

    assert torch.autograd.gradcheck(lengths_of, (weight,))

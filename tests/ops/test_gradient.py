"""The spatially variant gradient layer: identity forward, gradient times weights backward."""

from __future__ import annotations

import pytest
import torch
from helpers import assert_close
from torch.autograd.gradcheck import GradcheckError

from exegan.losses.svgl import weight_gradient


def test_forward_is_the_identity_and_backward_the_product(device: torch.device) -> None:
    x = torch.randn(2, 3, 4, 5, device=device, requires_grad=True)
    weight_map = torch.rand(2, 1, 4, 5, device=device, requires_grad=True)
    gradient = torch.randn(2, 3, 4, 5, device=device)
    y = weight_gradient(x, weight_map)
    assert torch.equal(y, x)
    y.backward(gradient)
    assert x.grad is not None
    assert_close(x.grad, gradient * weight_map)
    assert weight_map.grad is None, "the map is given, not learned"


def test_gradient_through_further_layers_is_weighted_once_for_each_pass(float64_device: torch.device) -> None:
    x = torch.randn(1, 3, 4, 4, dtype=torch.float64, device=float64_device, requires_grad=True)
    weight_map = torch.rand(1, 1, 4, 4, dtype=torch.float64, device=float64_device)
    (plain,) = torch.autograd.grad((x**3).sum(), x)
    (weighted,) = torch.autograd.grad((weight_gradient(weight_gradient(x, weight_map), weight_map) ** 3).sum(), x)
    assert_close(weighted, plain * weight_map**2, rtol=1e-7, atol=1e-7)


def test_only_weights_of_one_give_the_true_gradient(float64_device: torch.device) -> None:
    x = torch.randn(1, 3, 2, 2, dtype=torch.float64, device=float64_device, requires_grad=True)
    ones = torch.ones(1, 1, 2, 2, dtype=torch.float64, device=float64_device)
    assert torch.autograd.gradcheck(lambda x: weight_gradient(x, ones) ** 2, (x,))
    with pytest.raises(GradcheckError):
        torch.autograd.gradcheck(lambda x: weight_gradient(x, ones / 2) ** 2, (x,))

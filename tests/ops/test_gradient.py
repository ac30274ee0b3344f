"""The spatially variant gradient layer: identity forward, gradient times weights backward."""

from __future__ import annotations

import pytest
import torch
from torch.autograd.gradcheck import GradcheckError

from exegan.ops.gradient import weight_gradient


def test_forward_is_the_identity_and_backward_the_product() -> None:
    x = torch.randn(2, 3, 4, 5, requires_grad=True)
    weight_map = torch.rand(2, 1, 4, 5, requires_grad=True)
    gradient = torch.randn(2, 3, 4, 5)
    y = weight_gradient(x, weight_map)
    assert torch.equal(y, x)
    y.backward(gradient)
    assert x.grad is not None and torch.equal(x.grad, gradient * weight_map)
    assert weight_map.grad is None, "the map is given, not learned"


def test_gradient_through_further_layers_is_weighted_once_for_each_pass() -> None:
    x = torch.randn(1, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    weight_map = torch.rand(1, 1, 4, 4, dtype=torch.float64)
    (plain,) = torch.autograd.grad((x**3).sum(), x)
    (weighted,) = torch.autograd.grad((weight_gradient(weight_gradient(x, weight_map), weight_map) ** 3).sum(), x)
    torch.testing.assert_close(weighted, plain * weight_map**2)


def test_only_weights_of_one_give_the_true_gradient() -> None:
    x = torch.randn(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    ones = torch.ones(1, 1, 2, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: weight_gradient(x, ones) ** 2, (x,))
    with pytest.raises(GradcheckError):
        torch.autograd.gradcheck(lambda x: weight_gradient(x, ones / 2) ** 2, (x,))

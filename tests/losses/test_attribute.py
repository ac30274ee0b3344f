"""Attribute similarity: a distance of codes whose gradient the weight map rules."""

from __future__ import annotations

import pytest
import torch
from helpers import tiny_encoder

from exegan.losses.terms import attribute_loss


def test_mean_squared_difference_of_codes() -> None:
    completed, exemplar = torch.rand(2, 4, 3, 8, 8)
    everywhere = torch.ones(4, 1, 8, 8)
    loss = attribute_loss(completed, tiny_encoder(exemplar), tiny_encoder, everywhere)
    differences = (tiny_encoder(completed) - tiny_encoder(exemplar)).flatten().tolist()
    assert loss.item() == pytest.approx(sum(difference**2 for difference in differences) / len(differences))
    same = attribute_loss(exemplar, tiny_encoder(exemplar), tiny_encoder, everywhere)
    assert same.item() == pytest.approx(0, abs=1e-12)


def test_map_weighs_the_gradient_and_not_the_value() -> None:
    completed = torch.rand(2, 3, 8, 8, requires_grad=True)
    weight_map = torch.rand(2, 1, 8, 8) * (torch.rand(2, 1, 8, 8) < 0.5)
    wanted = tiny_encoder(torch.rand(2, 3, 8, 8))
    losses = [attribute_loss(completed, wanted, tiny_encoder, m) for m in (weight_map, torch.ones(2, 1, 8, 8))]
    weighted, plain = (torch.autograd.grad(loss, completed)[0] for loss in losses)
    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(weighted, plain * weight_map)
    assert weighted.abs().sum() > 0
    assert (weighted[(weight_map == 0).expand_as(weighted)] == 0).all()

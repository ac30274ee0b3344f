"""Pixel error: over the hole alone, by its size, summed over samples."""

from __future__ import annotations

import torch

from exegan.losses.terms import reconstruction_loss


def test_mean_absolute_error_of_each_hole() -> None:
    image = torch.rand(3, 3, 4, 4)
    mask = torch.zeros(3, 1, 4, 4)
    mask[0, 0, 0, :2], mask[1] = 1, 1  # two pixels, all pixels, none
    error = torch.tensor([0.5, -0.2, 0.9]).view(3, 1, 1, 1)
    torch.testing.assert_close(reconstruction_loss(image + error, image, mask), torch.tensor(0.5 + 0.2 + 0))
    assert reconstruction_loss(image, image, mask) == 0


def test_gradient_reaches_the_hole_only() -> None:
    image = torch.rand(2, 3, 4, 4)
    completed = (image + torch.tensor([0.1, -0.1]).view(2, 1, 1, 1)).requires_grad_()
    mask = (torch.rand(2, 1, 4, 4) < 0.5).float()
    reconstruction_loss(completed, image, mask).backward()
    assert completed.grad is not None
    sign, size = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1), mask.sum(dim=(1, 2, 3), keepdim=True)
    torch.testing.assert_close(completed.grad, (sign * mask / (3 * size)).expand_as(image))


def test_empty_batch_and_no_hole_cost_nothing() -> None:
    completed = torch.rand(2, 3, 4, 4, requires_grad=True)
    nobody = torch.zeros(2, dtype=torch.bool)
    loss = reconstruction_loss(completed[nobody], completed[nobody], torch.ones(0, 1, 4, 4))
    loss = loss + reconstruction_loss(completed, torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4))
    loss.backward()
    assert loss == 0 and completed.grad is not None and (completed.grad == 0).all()

"""The discriminator takes any batch size; its minibatch statistic is the one the paper defines."""

from __future__ import annotations

import pytest
import torch
from helpers import assert_close

from exegan.config import DiscriminatorConfig
from exegan.nets.discriminator import Discriminator, append_minibatch_stddev

TINY = DiscriminatorConfig(channel_base=128, channel_max=8)


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 5, 6, 7, 12])
def test_any_batch_size(device: torch.device, batch: int) -> None:
    logits = Discriminator(TINY, resolution=16).to(device)(torch.randn(batch, 3, 16, 16, device=device))
    assert logits.shape == (batch,) and logits.isfinite().all()


@pytest.mark.parametrize("resolution", [8, 32])
def test_resolutions_and_gradient(device: torch.device, resolution: int) -> None:
    discriminator = Discriminator(TINY, resolution).to(device)
    image = torch.randn(2, 3, resolution, resolution, device=device, requires_grad=True)
    discriminator(image).sum().backward()
    assert image.grad is not None and (image.grad.abs().sum(dim=1) > 0).all(), "every pixel counts"
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in discriminator.parameters())


@pytest.mark.parametrize(("batch", "group"), [(1, 1), (2, 2), (4, 4), (5, 1), (6, 3), (8, 4), (9, 3)])
def test_minibatch_stddev(device: torch.device, batch: int, group: int) -> None:
    x = torch.randn(batch, 3, 2, 2, device=device)
    y = append_minibatch_stddev(x, group=4)
    assert y.shape == (batch, 4, 2, 2) and torch.equal(y[:, :3], x)
    groups = batch // group
    for i in range(batch):
        members = x[i % groups :: groups]
        assert len(members) == group
        expected = (members.var(dim=0, unbiased=False) + 1e-8).sqrt().mean()
        assert_close(y[i, 3], expected.expand(2, 2))


def test_minibatch_stddev_of_two_values(device: torch.device) -> None:
    x = torch.tensor([1.0, 3.0], device=device).view(2, 1, 1, 1).expand(2, 5, 3, 3)
    assert_close(append_minibatch_stddev(x, group=4)[:, -1], torch.ones(2, 3, 3))


def test_logit_feels_how_much_the_batch_varies(device: torch.device) -> None:
    discriminator = Discriminator(TINY, resolution=16).to(device)
    image = torch.randn(2, 3, 16, 16, device=device)
    alike = discriminator(image[:1].expand(2, -1, -1, -1))
    assert_close(alike[0], alike[1])
    assert (alike[0] - discriminator(image)[0]).abs() > 1e-3

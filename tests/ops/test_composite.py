"""Known pixels come through a composite bit for bit, and only hole pixels get a gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from exegan.ops.image import composite

LARGEST, SMALLEST = torch.finfo(torch.float32).max, torch.finfo(torch.float32).smallest_normal
EXTREMES = torch.tensor([LARGEST, -LARGEST, SMALLEST, -SMALLEST, 1e-42, 0.0, 1.0, -1.0, 1 / 3, 254 / 127.5 - 1])


def extreme(generator: torch.Generator) -> Tensor:
    picks = torch.randint(len(EXTREMES), (2, 3, 16, 16), generator=generator)
    return EXTREMES[picks]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_known_pixels_are_bit_identical(device: torch.device, share: float) -> None:
    generator = torch.Generator().manual_seed(1)
    image, fake = extreme(generator), extreme(generator)
    mask = (torch.rand(2, 1, 16, 16, generator=generator) < share).float()
    completed = composite(fake.to(device), image.to(device), mask.to(device)).cpu()
    hole = mask.expand_as(image) == 1
    assert hole.float().mean() == pytest.approx(share, abs=0.1)
    assert torch.equal(completed[~hole].view(torch.int32), image[~hole].view(torch.int32))
    assert torch.equal(completed[hole], fake[hole])


def test_gradient_reaches_the_hole_only(device: torch.device) -> None:
    fake, image = torch.randn(2, 1, 3, 8, 8, device=device)
    fake.requires_grad_()
    mask = (torch.rand(1, 1, 8, 8, device=device) < 0.5).float()
    composite(fake, image, mask).sum().backward()
    assert fake.grad is not None and torch.equal(fake.grad, mask.expand_as(fake))

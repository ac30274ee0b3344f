"""Residual discriminator of StyleGAN2; sees the completed picture alone, without the mask."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from exegan.config import DiscriminatorConfig
from exegan.nets.layers import EqualConv2d, EqualLinear, ResidualBlock


def append_minibatch_stddev(x: Tensor, group: int) -> Tensor:
    """Append a channel holding the mean standard deviation over groups of samples (Karras et al. 2018).

    Args:
        x: [B, C, H, W].
        group: Samples per group; the largest divisor of B up to it is used, so that any batch size works.

    Returns:
        [B, C + 1, H, W].
    """
    batch, _, height, width = x.shape
    group = next(g for g in range(min(batch, group), 0, -1) if batch % g == 0)
    grouped = x.reshape(group, batch // group, *x.shape[1:])
    stddev = (grouped.var(dim=0, unbiased=False) + 1e-8).sqrt().mean(dim=(1, 2, 3))
    return torch.cat([x, stddev.repeat(group).view(-1, 1, 1, 1).expand(-1, 1, height, width)], dim=1)


class Discriminator(nn.Module):
    """Picture [B, 3, R, R] in [-1, 1] → logit [B], higher = more real."""

    def __init__(self, config: DiscriminatorConfig, resolution: int) -> None:
        super().__init__()
        self.config = config
        resolutions = [2**k for k in range(int(math.log2(resolution)), 2, -1)]
        deepest = config.channels(4)
        self.from_image = EqualConv2d(3, config.channels(resolution), 1)
        self.blocks = nn.ModuleDict(
            {str(r): ResidualBlock(config.channels(r), config.channels(r // 2)) for r in resolutions}
        )
        self.final_conv = EqualConv2d(deepest + 1, deepest, 3)
        self.final_linear = EqualLinear(deepest * 16, deepest, activate=True)
        self.to_logit = EqualLinear(deepest, 1)

    def forward(self, image: Tensor) -> Tensor:
        x = self.from_image(image)
        for block in self.blocks.values():
            x = block(x)
        x = self.final_conv(append_minibatch_stddev(x, self.config.stddev_group))
        logit: Tensor = self.to_logit(self.final_linear(x.flatten(1)))
        return logit.squeeze(1)

"""Image encoder: masked image → skip features and the global style code (co-modulation, paper, section 3.1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exegan.config import GeneratorConfig
from exegan.nets.layers import EqualConv2d, EqualLinear


class EncoderBlock(nn.Module):
    """Features at one resolution: a convolution whose output is kept as the skip, then a halving convolution."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = EqualConv2d(in_channels, in_channels, 3)
        self.down = EqualConv2d(in_channels, out_channels, 3, down=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        skip = self.conv(x)
        return self.down(skip), skip


class ImageEncoder(nn.Module):
    """Masked image and mask → features for the decoder.

    Inputs: image [B, 3, R, R] in [-1, 1] (hole pixels are ignored), mask [B, 1, R, R] with 1 = hole.
    Returns: skip features by resolution, {4: [B, C, 4, 4], 8: ..., R: [B, C, R, R]}, and the global style code
    [B, global_dim].
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.resolutions = config.resolutions[:0:-1]
        self.global_dropout = config.global_dropout
        deepest = config.channels(4)
        self.from_image = EqualConv2d(4, config.channels(config.resolution), 1)
        self.blocks = nn.ModuleDict(
            {str(r): EncoderBlock(config.channels(r), config.channels(r // 2)) for r in self.resolutions}
        )
        self.final_conv = EqualConv2d(deepest, deepest, 3)
        self.to_global = EqualLinear(deepest * 16, config.global_dim, activate=True)
        self.from_global = EqualLinear(config.global_dim, deepest * 16, activate=True)

    def forward(self, image: Tensor, mask: Tensor) -> tuple[dict[int, Tensor], Tensor]:
        x = self.from_image(torch.cat([image * (1 - mask), mask - 0.5], dim=1))
        features: dict[int, Tensor] = {}
        for resolution in self.resolutions:
            x, features[resolution] = self.blocks[str(resolution)](x)
        x = self.final_conv(x)
        global_code = F.dropout(self.to_global(x.flatten(1)), self.global_dropout, self.training)
        features[4] = x + self.from_global(global_code).view_as(x)
        return features, global_code

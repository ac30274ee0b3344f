"""Style encoders: exemplar face → style codes, one per decoder layer that the exemplar owns (paper, section 3.1).

All share one signature: exemplar [B, 3, H, W] in [-1, 1], aligned like the image, any size → [B, num_styles, w_dim].
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exegan.config import GeneratorConfig, ModelConfig, StyleEncoderConfig
from exegan.nets.irse50 import IRSE50StyleEncoder
from exegan.nets.layers import EqualConv2d, EqualLinear, ResidualBlock
from exegan.ops.resample import resize


class SmallStyleEncoder(nn.Module):
    """Residual encoder of the `lite` family, learned together with the generator."""

    def __init__(self, config: StyleEncoderConfig, generator: GeneratorConfig) -> None:
        super().__init__()
        self.resolution = config.resolution
        resolutions = [2**k for k in range(int(math.log2(config.resolution)), 2, -1)]
        deepest = config.channels(4)
        self.from_image = EqualConv2d(3, config.channels(config.resolution), 1)
        self.blocks = nn.ModuleDict(
            {str(r): ResidualBlock(config.channels(r), config.channels(r // 2)) for r in resolutions}
        )
        self.to_hidden = EqualLinear(deepest * 16, 2 * generator.w_dim, activate=True)
        # Named by the layer they serve, as the resolutions are: a larger model can start from a smaller one's weights.
        self.heads = nn.ModuleDict(
            {
                str(i): EqualLinear(2 * generator.w_dim, generator.w_dim)
                for i in range(generator.num_coarse, generator.num_ws)
            }
        )

    def forward(self, exemplar: Tensor) -> Tensor:
        x = self.from_image(resize(exemplar, self.resolution))
        for block in self.blocks.values():
            x = block(x)
        hidden = self.to_hidden(x.flatten(1))
        return torch.stack([head(hidden) for head in self.heads.values()], dim=1)


def make_style_encoder(config: ModelConfig) -> nn.Module:
    """Build the style encoder that a model's configuration names, with fresh weights."""
    if config.style_encoder.kind == "irse50":
        return IRSE50StyleEncoder(config.style_encoder, config.generator)
    return SmallStyleEncoder(config.style_encoder, config.generator)


def resize_exemplar(exemplar: Tensor, config: StyleEncoderConfig) -> Tensor:
    """What the style encoder of this configuration does first, for a runtime whose graph takes one size.

    Args:
        exemplar: [B, 3, H, W], any size.
        config: Its `resolution` is S.

    Returns:
        [B, 3, S, S], which the style encoder itself leaves as it is.
    """
    if config.kind == "irse50":
        size = (config.resolution, config.resolution)
        return F.interpolate(exemplar, size=size, mode="bilinear", align_corners=True)
    return resize(exemplar, config.resolution)

"""Style encoders: a small one learned with the generator, and the original's pSp on IR-SE-50.

All share one signature: exemplar [B, 3, H, W] in [-1, 1], aligned like the image, any size → [B, num_styles, w_dim].

pSp (Richardson et al. 2021): a ResNet-50 of squeeze-and-excitation blocks gives features at three depths; a feature
pyramid merges them, and one small head for each latent shrinks its level to a code. Heads 0-2 read the deepest level,
3-6 the middle one, the rest the finest; only the heads of the layers that follow the exemplar exist here.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exegan.config import GeneratorConfig, ModelConfig, StyleEncoderConfig
from exegan.nets.layers import EqualConv2d, EqualLinear, ResidualBlock
from exegan.ops.image import resize

_UNITS = ((64, 64, 3), (64, 128, 4), (128, 256, 14), (256, 512, 3))
_TAPS = (6, 20, 23)
_FIRST_MIDDLE_HEAD, _FIRST_FINE_HEAD = 3, 7
_WIDTH = 512


def make_style_encoder(config: ModelConfig) -> nn.Module:
    """Build the style encoder that a model's configuration names, with fresh weights."""
    if config.style_encoder.kind == "irse50":
        return IRSE50StyleEncoder(config.style_encoder, config.generator)
    return SmallStyleEncoder(config.style_encoder, config.generator)


class IRSE50StyleEncoder(nn.Module):
    """Exemplar [B, 3, H, W] in [-1, 1] → style codes [B, num_styles, 512], `style_avg` included.

    Args:
        config: Its `resolution` is the side the exemplar is resized to (256 in the original).
        generator: Says which heads exist: `num_coarse` up to `num_ws`.
    """

    style_avg: Tensor

    def __init__(self, config: StyleEncoderConfig, generator: GeneratorConfig) -> None:
        super().__init__()
        self.resolution = config.resolution
        self.input_layer = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64))
        self.body = nn.ModuleList(
            Bottleneck(n_in if i == 0 else n_out, n_out, 2 if i == 0 else 1)
            for n_in, n_out, count in _UNITS
            for i in range(count)
        )
        self.lateral_middle = nn.Conv2d(256, _WIDTH, 1)
        self.lateral_fine = nn.Conv2d(128, _WIDTH, 1)
        self.heads = nn.ModuleDict(
            {str(i): StyleHead(self._side_of_level(i)) for i in range(generator.num_coarse, generator.num_ws)}
        )
        self.register_buffer("style_avg", torch.zeros(generator.num_styles, _WIDTH))
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> IRSE50StyleEncoder:
        """Stay in evaluation mode whatever `mode` is: the encoder is frozen, its batch statistics too."""
        super().train(False)
        return self

    def _side_of_level(self, head: int) -> int:
        reduction = 16 if head < _FIRST_MIDDLE_HEAD else 8 if head < _FIRST_FINE_HEAD else 4
        return self.resolution // reduction

    def forward(self, exemplar: Tensor) -> Tensor:
        size = (self.resolution, self.resolution)
        x = self.input_layer(F.interpolate(exemplar, size=size, mode="bilinear", align_corners=True))
        taps = []
        for i, block in enumerate(self.body):
            x = block(x)
            if i in _TAPS:
                taps.append(x)
        fine, middle, deep = taps
        middle = _upsample_to(deep, middle) + self.lateral_middle(middle)
        fine = _upsample_to(middle, fine) + self.lateral_fine(fine)
        codes = []
        for name, head in self.heads.items():
            level = deep if int(name) < _FIRST_MIDDLE_HEAD else middle if int(name) < _FIRST_FINE_HEAD else fine
            codes.append(head(level))
        return torch.stack(codes, dim=1) + self.style_avg


class StyleHead(nn.Module):
    """Halving convolutions from one pyramid level [B, 512, s, s] down to one code [B, 512]."""

    def __init__(self, spatial: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(_WIDTH, _WIDTH, 3, 2, 1) for _ in range(int(math.log2(spatial))))
        self.linear = EqualLinear(_WIDTH, _WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.01)
        code: Tensor = self.linear(x.flatten(1))
        return code


class Bottleneck(nn.Module):
    """Improved residual block with squeeze-and-excitation; `stride` acts in the second convolution."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.residual = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, out_channels, 3, 1, 1, bias=False),
            nn.PReLU(out_channels),
            nn.Conv2d(out_channels, out_channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            SqueezeExcitation(out_channels),
        )
        self.project: nn.Module | None = None
        if in_channels != out_channels:
            self.project = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x[:, :, :: self.stride, :: self.stride] if self.project is None else self.project(x)
        out: Tensor = self.residual(x) + shortcut
        return out


class SqueezeExcitation(nn.Module):
    """Scale each channel by a gate computed from all channels' means."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.excite = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean(dim=(2, 3), keepdim=True)))))
        return x * gate


def _upsample_to(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=True)


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


def resize_exemplar(exemplar: Tensor, config: StyleEncoderConfig) -> Tensor:
    """The resizing that the style encoder of this configuration begins with, for a runtime whose graph takes one size.

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

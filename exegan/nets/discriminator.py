"""Discriminators: StyleGAN2's of pixels, and one of patches on frozen features (Projected GANs).

The second classifies the feature maps of a frozen perceptual network by small heads, which learn in some hundred
batches what a discriminator of pixels learns in many thousands. Spectral normalisation bounds their gradients, so that
no gradient penalty is needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from exegan.config import DiscriminatorConfig, ProjectedConfig
from exegan.nets.frozen import FrozenNet
from exegan.nets.layers import EqualConv2d, EqualLinear, ResidualBlock
from exegan.ops.image import resize

# A logit for every 8×8 pixels of a view.
_PATCH = 8
# Top, left, height and width of the views of parts, in shares of the side of pictures aligned as FFHQ's.
_PARTS = {"eyes": (0.34375, 0.21875, 0.25, 0.5625), "mouth": (0.625, 0.3125, 0.25, 0.375)}


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


class ProjectedDiscriminator(nn.Module):
    """One head for each feature map of each view of a picture, and one for the pixels of the view.

    Maps of the view's own size are left out: they say little beyond its pixels and cost more than all others.

    Args:
        config: The views and the heads' width.
        net: The perceptual network; not a part of this module; only the shapes of its maps are taken.
        resolution: Side of the pictures.
    """

    def __init__(self, config: ProjectedConfig, net: FrozenNet, resolution: int) -> None:
        super().__init__()
        self.sides = tuple(side for side in config.sides if side <= resolution)
        self.crop = min(config.crop, resolution)
        self.parts = [[round(share * resolution) for share in part] for part in _PARTS.values()] if config.parts else []
        probe = torch.zeros(1, 3, 64, 64)
        with torch.no_grad():
            maps = _levels(probe, net)
        names = [f"whole{side}" for side in self.sides] + (["crop"] if self.crop else [])
        names += list(_PARTS) if config.parts else []
        self.heads = nn.ModuleDict(
            {name: nn.ModuleList(_head(level, probe, config.width) for level in maps) for name in names}
        )

    def views(self, picture: Tensor, corners: Tensor) -> list[Tensor]:
        """The views that are classified of a batch [B, C, R, R], pictures or masks: [B, C, h, w] a view.

        Args:
            picture: The batch.
            corners: [B, 2], row and column of the crops' first pixels, from `draw_corners`.
        """
        views = [resize(picture, side) for side in self.sides]
        if self.crop:
            cut = [
                one[:, row : row + self.crop, column : column + self.crop]
                for one, (row, column) in zip(picture, corners.tolist(), strict=True)
            ]
            views.append(torch.stack(cut))
        views += [picture[:, :, top : top + h, left : left + w] for top, left, h, w in self.parts]
        return views

    def draw_corners(self, mask: Tensor, where: Tensor) -> Tensor:
        """Crops around a point of each hole.

        Args:
            mask: [B, 1, R, R], 1 = hole.
            where: Uniform random numbers [B] in [0, 1) that choose the points.

        Returns:
            [B, 2] rows and columns, such that the crops lie within the picture.
        """
        corners = []
        for hole, chance in zip(mask[:, 0], where, strict=True):
            points = hole.nonzero()
            middle = torch.tensor(hole.shape, device=mask.device) // 2
            point = points[int(chance * len(points))] if len(points) else middle
            corners.append((point - self.crop // 2).clamp(0, hole.shape[0] - self.crop))
        return torch.stack(corners)

    def forward(self, features: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """Logits of every head.

        Args:
            features: For each view its pixels and the network's maps of them, from `view_features`.

        Returns:
            [B, 1, h, w] a head, in the order of views, then maps.
        """
        return [
            head(level * math.sqrt(level.shape[1]))  # the network's maps have length 1 over their channels
            for heads, levels in zip(self.heads.values(), features, strict=True)
            for head, level in zip(heads, levels, strict=True)  # type: ignore[call-overload]
        ]


class PatchHead(nn.Module):
    """Feature map [B, C, h, w] → logits [B, 1, h / 2^halvings, w / 2^halvings], higher = more real."""

    def __init__(self, channels: int, width: int, halvings: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number in range(halvings):
            layers += [_conv(width if number else channels, width, 3, stride=2), nn.LeakyReLU(0.2)]
        last = [_conv(width if layers else channels, width, 1), nn.LeakyReLU(0.2), _conv(width, 1, 3)]
        self.layers = nn.Sequential(*layers, *last)

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.layers(features)
        return logits


def view_features(views: Sequence[Tensor], net: FrozenNet) -> list[list[Tensor]]:
    """The pixels of each view and the network's smaller maps of them."""
    return [_levels(view, net) for view in views]


def _levels(view: Tensor, net: FrozenNet) -> list[Tensor]:
    return [view, *(level for level in net(view) if level.shape[-1] < view.shape[-1])]


def hole_shares(masks: Sequence[Tensor], logits: Sequence[Tensor]) -> list[Tensor]:
    """Share of hole in each patch that was judged, shaped as the logits.

    Args:
        masks: The mask's views [B, 1, side, side].
        logits: What the discriminator gave for the same views, as many a view.
    """
    heads = len(logits) // len(masks)
    return [F.adaptive_avg_pool2d(masks[n // heads], (one.shape[2], one.shape[3])) for n, one in enumerate(logits)]


def _head(level: Tensor, probe: Tensor, width: int) -> PatchHead:
    reduced = probe.shape[-1] // level.shape[-1]
    return PatchHead(level.shape[1], width, max(0, round(math.log2(_PATCH / reduced))))


def _conv(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> nn.Module:
    return spectral_norm(nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2))

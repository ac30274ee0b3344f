"""MobileFaceNet (Chen et al. 2018): face recognition in a million weights, 112×112 px to 128 numbers."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from exegan.nets.frozen.base import FrozenModule, recognition_crop, unit_embedding
from exegan.ops.resample import resize
from exegan.weights import load_into, read_state_dict

_SIDE = 112
# ImageNet's mean and deviation, moved from [0, 1] to our [-1, 1].
_MEAN = tuple(2 * value - 1 for value in (0.485, 0.456, 0.406))
_STD = tuple(2 * value for value in (0.229, 0.224, 0.225))
# Expansion, channels, repetitions and first stride of the inverted residuals.
_STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))


def _conv_bn(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    padding = kernel_size // 2
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU6())


class _Separable(nn.Module):
    """Depthwise 3×3, then pointwise, each with batch normalisation and ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.depthwise(x)))
        return F.relu(self.bn2(self.pointwise(x)))


class _InvertedResidual(nn.Module):
    """Expand 1×1, depthwise 3×3, project 1×1; added to the input where the shape stays."""

    def __init__(self, in_channels: int, out_channels: int, expansion: int, stride: int) -> None:
        super().__init__()
        hidden = expansion * in_channels
        self.conv = nn.Sequential(
            _conv_bn(in_channels, hidden, 1),
            _conv_bn(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.adds = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return x + out if self.adds else out


class _GlobalDepthwise(nn.Module):
    """A learned weighted mean over the last 7×7 positions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, groups=channels, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn(self.depthwise(x))
        return out


class MobileFaceNetEmbedding(FrozenModule):
    """Embedding of an aligned face picture; attribute names follow the weight file."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_constant("mean", _MEAN)
        self.register_constant("std", _STD)
        self.conv1 = _conv_bn(3, 64, 3, stride=2)
        self.dw_conv = _Separable(64)
        blocks: list[nn.Module] = []
        in_channels = 64
        for expansion, channels, repetitions, first_stride in _STAGES:
            for repetition in range(repetitions):
                stride = first_stride if repetition == 0 else 1
                blocks.append(_InvertedResidual(in_channels, channels, expansion, stride))
                in_channels = channels
        self.features = nn.Sequential(*blocks)
        self.conv2 = _conv_bn(in_channels, 512, 1)
        self.gdconv = _GlobalDepthwise(512)
        self.conv3 = nn.Conv2d(512, 128, 1)
        self.bn = nn.BatchNorm2d(128)

    def embed(self, image: Tensor) -> Tensor:
        """Embedding before normalisation: face crop [B, 3, H, W] RGB in [-1, 1] → [B, 128]."""
        x: Tensor = resize((image - self.mean) / self.std, _SIDE)
        x = self.features(self.dw_conv(self.conv1(x)))
        x = self.bn(self.conv3(self.gdconv(self.conv2(x))))
        return x.flatten(1)

    def forward(self, image: Tensor) -> list[Tensor]:
        """FFHQ-aligned image [B, 3, H, W] RGB in [-1, 1] → one embedding [B, 128] of length 1 of its face."""
        return [unit_embedding(self.embed(recognition_crop(image)))]


def make_mobilefacenet(weights: str) -> MobileFaceNetEmbedding:
    """The network with the local file `weights`; a `WeightsError` if that does not fit."""
    net = MobileFaceNetEmbedding()
    load_into(net, read_state_dict(weights), weights)
    return net

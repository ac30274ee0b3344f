"""SqueezeNet 1.1 (Iandola et al. 2016) with ImageNet weights from Caffe's world: BGR, 0..255, mean subtracted."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exegan.nets.frozen.base import FrozenModule, equal_levels
from exegan.weights import load_into, read_state_dict

# The layers LPIPS taps in its own SqueezeNet. A distance on these weights is LPIPS-like, not LPIPS.
_TAPS = ("conv1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9")
_POOLED = ("fire2", "fire4", "fire6")
_MEAN_BGR = (103.939, 116.779, 123.68)


class _Fire(nn.Module):
    """Squeeze to few channels, then expand by a 1×1 and a 3×3 convolution side by side."""

    def __init__(self, in_channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze1x1 = nn.Conv2d(in_channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze1x1(x))
        return F.relu(torch.cat((self.expand1x1(x), self.expand3x3(x)), dim=1))


class SqueezeNetFeatures(FrozenModule):
    """Features of the first convolution and of six fire modules."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_constant("mean", _MEAN_BGR)
        self.conv1 = nn.Conv2d(3, 64, 3, stride=2)
        shapes = [(64, 16, 64), (128, 16, 64), (128, 32, 128), (256, 32, 128)]
        shapes += [(256, 48, 192), (384, 48, 192), (384, 64, 256), (512, 64, 256)]
        for number, shape in enumerate(shapes, start=2):
            self.add_module(f"fire{number}", _Fire(*shape))

    def activations(self, image: Tensor) -> dict[str, Tensor]:
        """Outputs of `conv1` (behind its ReLU) and `fire2` … `fire9`; image [B, 3, H, W] RGB in [-1, 1]."""
        x = (image.flip(1) + 1) * 127.5 - self.mean
        found: dict[str, Tensor] = {}
        for name, layer in self.named_children():
            x = layer(F.max_pool2d(x, 3, 2) if name in _POOLED else x)
            x = F.relu(x) if name == "conv1" else x
            found[name] = x
        return found

    def forward(self, image: Tensor) -> list[Tensor]:
        """Image [B, 3, H, W] RGB in [-1, 1], at least 32 px a side → seven feature maps from about H/2 to H/16."""
        return self.levels(self.activations(image))

    @staticmethod
    def levels(activations: dict[str, Tensor]) -> list[Tensor]:
        """The feature maps that `forward` gives, of what `activations` gave."""
        return equal_levels([activations[name] for name in _TAPS])


def make_squeezenet(weights: str) -> SqueezeNetFeatures:
    """The network with the local file `weights`; a `WeightsError` if that does not fit."""
    net = SqueezeNetFeatures()
    load_into(net, read_state_dict(weights), weights)
    return net

"""VGG19 up to conv3_1 with activations scaled to unit mean (Gatys et al. 2016)."""

from __future__ import annotations

from torch import Tensor, nn

from exegan.nets.frozen.base import FrozenModule, equal_levels
from exegan.weights import load_into, read_state_dict

_TAPS = ("relu1_2", "relu2_2", "relu3_1")


class VGG19Features(FrozenModule):
    """Features behind the last ReLU of levels 1 and 2 and the first of level 3.

    The layers are numbered as in the weight file: a 1×1 colour conversion, then (reflection padding, convolution, ReLU)
    five times with a max-pool after the second and the fourth.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 3, 1)]
        self._names: dict[int, str] = {}
        in_channels = 3
        for level, (channels, convolutions) in enumerate([(64, 2), (128, 2), (256, 1)], start=1):
            if level > 1:
                layers.append(nn.MaxPool2d(2))
            for number in range(1, convolutions + 1):
                layers += [nn.ReflectionPad2d(1), nn.Conv2d(in_channels, channels, 3), nn.ReLU()]
                self._names[len(layers) - 1] = f"relu{level}_{number}"
                in_channels = channels
        self.layers = nn.Sequential(*layers)

    def activations(self, image: Tensor) -> dict[str, Tensor]:
        """All ReLU outputs by name (`relu1_1` …); image [B, 3, H, W] RGB in [-1, 1]."""
        x = (image + 1) / 2
        found: dict[str, Tensor] = {}
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in self._names:
                found[self._names[index]] = x
        return found

    def forward(self, image: Tensor) -> list[Tensor]:
        """Image [B, 3, H, W] RGB in [-1, 1] → three feature maps at H, H/2 and H/4."""
        found = self.activations(image)
        return equal_levels([found[name] for name in _TAPS])


def make_vgg19(weights: str) -> VGG19Features:
    """The network with the local file `weights`; a `WeightsError` if that does not fit."""
    net = VGG19Features()
    load_into(net.layers, read_state_dict(weights), weights)
    return net

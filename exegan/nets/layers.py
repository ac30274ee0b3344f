"""Layers shared by all networks: equalised linear and convolution, scaled activation, residual block.

Equalised layers (Karras et al. 2018) store N(0, 1) weights and multiply by 1/sqrt(fan_in) when used, so that Adam moves
all of them at the same relative speed. The factors are applied where they cost least: to the smaller of picture and
weight, to the filter, to the bias, never in a pass of their own.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exegan.ops.image import fir_filter

# Leaky ReLU halves the variance of a normal input, nearly; this factor restores it. Leaky ReLU commutes with positive
# factors, so every layer applies it beforehand, together with its other factors.
ACTIVATION_GAIN = math.sqrt(2)


def activate_(x: Tensor) -> Tensor:
    """Leaky ReLU (slope 0.2) in place; `x` already contains `ACTIVATION_GAIN`."""
    return F.leaky_relu_(x, 0.2)


class EqualLinear(nn.Module):
    """Equalised fully connected layer [.., in] → [.., out].

    Args:
        in_features: Width of the input.
        out_features: Width of the output.
        bias_init: Initial value of every bias, as it acts on the output.
        lr_mul: Learning-rate multiplier; weights are stored divided by it.
        activate: Apply leaky ReLU with `ACTIVATION_GAIN`.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias_init: float = 0.0,
        lr_mul: float = 1.0,
        activate: bool = False,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_mul)
        self.bias = nn.Parameter(torch.full((out_features,), bias_init / lr_mul))
        self.lr_mul = lr_mul
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        gain = self.lr_mul * (ACTIVATION_GAIN if self.activate else 1)
        x = F.linear(x * (gain / math.sqrt(self.weight.shape[1])), self.weight, self.bias * gain)
        return activate_(x) if self.activate else x


class EqualConv2d(nn.Module):
    """Equalised convolution with 'same' padding; `down` halves the size behind a FIR low-pass.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Odd side of the kernel.
        down: Filter, then convolve with stride 2.
        bias: Add a bias.
        activate: Apply leaky ReLU with `ACTIVATION_GAIN`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        down: bool = False,
        bias: bool = True,
        activate: bool = True,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.down = down
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        activation = ACTIVATION_GAIN if self.activate else 1.0
        gain = activation / math.sqrt(self.weight[0].numel())
        bias = None if self.bias is None else self.bias * activation
        kernel_size = self.weight.shape[-1]
        if self.down:
            # Padding such that filter (4 taps) and kernel together give exactly half the size.
            x = fir_filter(x, pad=(kernel_size + 1) // 2, gain=gain)
            x = F.conv2d(x, self.weight, bias, stride=2)
        elif x.shape[1:].numel() < self.weight.numel():
            x = F.conv2d(x * gain, self.weight, bias, padding=kernel_size // 2)
        else:
            x = F.conv2d(x, self.weight * gain, bias, padding=kernel_size // 2)
        return activate_(x) if self.activate else x


class ResidualBlock(nn.Module):
    """Two convolutions that halve the size, beside a halving 1×1; [B, I, H, W] → [B, O, H/2, W/2]."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = EqualConv2d(in_channels, in_channels, 3)
        self.down = EqualConv2d(in_channels, out_channels, 3, down=True)
        self.skip = EqualConv2d(in_channels, out_channels, 1, down=True, bias=False, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = (self.down(self.conv(x)) + self.skip(x)) / math.sqrt(2)
        return out

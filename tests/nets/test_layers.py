"""Layers: closed forms, naive twins, and the scale that equalised layers keep."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from helpers import full_fir

from exegan.nets.layers import EqualConv2d, EqualLinear, ResidualBlock, scaled_leaky_relu


def test_scaled_leaky_relu() -> None:
    activated = scaled_leaky_relu(torch.tensor([-5.0, 0.0, 2.0]))
    torch.testing.assert_close(activated, torch.tensor([-math.sqrt(2), 0.0, 2 * math.sqrt(2)]))


@pytest.mark.parametrize("lr_mul", [1.0, 0.01])
def test_linear(lr_mul: float) -> None:
    layer = EqualLinear(400, 300, bias_init=1.0, lr_mul=lr_mul)
    x = torch.randn(50, 400)
    y = layer(x)
    expected = x @ (layer.weight * lr_mul / 20).T + layer.bias * lr_mul
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)
    # Whatever the learning-rate multiplier, a fresh layer acts the same: bias as asked, variance kept.
    assert y.mean().item() == pytest.approx(1, abs=0.05) and y.std().item() == pytest.approx(1, abs=0.05)
    y.square().sum().backward()
    assert layer.weight.grad is not None and layer.bias.grad is not None
    layer.activate = True
    torch.testing.assert_close(layer(x), scaled_leaky_relu(y))


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("kernel_size", [1, 3])
def test_down_sampling_convolution_is_filter_then_every_second_pixel(kernel_size: int, size: int) -> None:
    layer = EqualConv2d(3, 5, kernel_size, down=True, activate=False)
    assert layer.bias is not None
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(2, 3, size, size)
    pad = {1: (1, 1), 3: (2, 2)}[kernel_size]
    dense = F.conv2d(full_fir(x, pad), layer.weight / math.sqrt(3 * kernel_size**2), layer.bias)
    assert layer(x).shape == (2, 5, size // 2, size // 2)
    torch.testing.assert_close(layer(x), dense[..., ::2, ::2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bias", [True, False])
def test_convolution_keeps_size_and_variance(bias: bool) -> None:
    layer = EqualConv2d(32, 64, 3, bias=bias, activate=False)
    y = layer(torch.randn(4, 32, 16, 16))
    assert y.shape == (4, 64, 16, 16) and (layer.bias is not None) == bias
    assert y[..., 1:-1, 1:-1].std().item() == pytest.approx(1, abs=0.1)
    layer.activate = True
    torch.testing.assert_close(layer(torch.zeros(1, 32, 4, 4)), torch.zeros(1, 64, 4, 4))


def test_residual_block_is_the_mean_of_two_paths() -> None:
    block = ResidualBlock(4, 6)
    x = torch.randn(2, 4, 8, 8)
    deep, skip = block.down(block.conv(x)), block.skip(x)
    assert block(x).shape == deep.shape == skip.shape == (2, 6, 4, 4)
    torch.testing.assert_close(block(x), (deep + skip) / math.sqrt(2))
    torch.testing.assert_close(block.skip(2 * x), 2 * skip, msg="the skip is linear: no bias, no activation")

"""Layers: closed forms, naive twins, and the scale that equalised layers keep."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from helpers import assert_close, full_fir

from exegan.nets.layers import ACTIVATION_GAIN, EqualConv2d, EqualLinear, ResidualBlock, activate_


def test_activation_with_its_gain_keeps_the_mean_square_of_a_normal_input(device: torch.device) -> None:
    assert_close(activate_(torch.tensor([-5.0, 0.0, 2.0], device=device)), torch.tensor([-1.0, 0.0, 2.0]))
    activated = activate_(ACTIVATION_GAIN * torch.randn(100_000, device=device))
    assert activated.square().mean().item() == pytest.approx(1.04, abs=0.02)  # (1 + 0.2**2) / 2 * gain**2


@pytest.mark.parametrize("lr_mul", [1.0, 0.01])
def test_linear(device: torch.device, lr_mul: float) -> None:
    layer = EqualLinear(400, 300, bias_init=1.0, lr_mul=lr_mul).to(device)
    x = torch.randn(50, 400, device=device)
    y = layer(x)
    expected = x @ (layer.weight * lr_mul / 20).T + layer.bias * lr_mul
    assert_close(y, expected, rtol=1e-4, atol=1e-5)
    # Whatever the learning-rate multiplier, a fresh layer acts the same: bias as asked, variance kept.
    assert y.mean().item() == pytest.approx(1, abs=0.05) and y.std().item() == pytest.approx(1, abs=0.05)
    y.square().sum().backward()
    assert layer.weight.grad is not None and layer.bias.grad is not None
    layer.activate = True
    assert_close(layer(x), F.leaky_relu(y, 0.2) * math.sqrt(2))


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("kernel_size", [1, 3])
def test_down_sampling_convolution_is_filter_then_every_second_pixel(
    device: torch.device, kernel_size: int, size: int
) -> None:
    layer = EqualConv2d(3, 5, kernel_size, down=True, activate=False).to(device)
    assert layer.bias is not None
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(2, 3, size, size, device=device)
    pad = {1: (1, 1), 3: (2, 2)}[kernel_size]
    dense = F.conv2d(full_fir(x, pad), layer.weight / math.sqrt(3 * kernel_size**2), layer.bias)
    assert layer(x).shape == (2, 5, size // 2, size // 2)
    assert_close(layer(x), dense[..., ::2, ::2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bias", [True, False])
def test_convolution_keeps_size_and_variance(device: torch.device, bias: bool) -> None:
    layer = EqualConv2d(32, 64, 3, bias=bias, activate=False).to(device)
    y = layer(torch.randn(4, 32, 16, 16, device=device))
    assert y.shape == (4, 64, 16, 16) and (layer.bias is not None) == bias
    assert y[..., 1:-1, 1:-1].std().item() == pytest.approx(1, abs=0.1)
    if layer.bias is not None:
        torch.nn.init.normal_(layer.bias)
    for size in (3, 100):  # a picture smaller and one larger than the weight, which decides where the gain goes
        x = torch.randn(1, 32, size, size, device=device)
        dense = F.conv2d(x, layer.weight / math.sqrt(32 * 9), layer.bias, padding=1)
        for layer.activate in (False, True):
            expected = F.leaky_relu(dense, 0.2) * math.sqrt(2) if layer.activate else dense
            assert_close(layer(x), expected, rtol=1e-4, atol=1e-5)


def test_residual_block_is_the_mean_of_two_paths(device: torch.device) -> None:
    block = ResidualBlock(4, 6).to(device)
    x = torch.randn(2, 4, 8, 8, device=device)
    deep, skip = block.down(block.conv(x)), block.skip(x)
    assert block(x).shape == deep.shape == skip.shape == (2, 6, 4, 4)
    assert_close(block(x), (deep + skip) / math.sqrt(2))
    assert_close(block.skip(2 * x), 2 * skip)  # it is linear: no bias, no activation

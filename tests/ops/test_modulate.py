"""The batched modulated convolution equals one convolution a sample with an explicitly scaled weight."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from helpers import assert_close, full_fir, insert_zeros
from torch import Tensor

from exegan.ops import modulate
from exegan.ops.modulate import folded_conv2d, modulated_conv2d


def naive(x: Tensor, weight: Tensor, style: Tensor, demodulate: bool, up: bool) -> Tensor:
    samples = []
    for picture, scales in zip(x, style, strict=True):
        kernels = []
        for kernel in weight:
            scaled = torch.stack([plane * scale for plane, scale in zip(kernel, scales, strict=True)])
            kernels.append(scaled / (scaled.square().sum() + 1e-8).sqrt() if demodulate else scaled)
        modulated = torch.stack(kernels)
        if up:
            # A transposed convolution is an ordinary one with the kernel turned round, over the spread-out picture.
            spread = F.pad(insert_zeros(picture[None], 2 * picture.shape[-1] - 1), (2, 2, 2, 2))
            samples.append(full_fir(F.conv2d(spread, modulated.flip(2, 3)), pad=(1, 1), gain=4.0))
        else:
            samples.append(F.conv2d(picture[None], modulated, padding=weight.shape[-1] // 2))
    return torch.cat(samples)


def inputs(device: torch.device, kernel_size: int) -> tuple[Tensor, Tensor, Tensor]:
    shapes = (3, 4, 5, 5), (2, 4, kernel_size, kernel_size), (3, 4)
    x, weight, style = (torch.randn(shape, dtype=torch.float64, device=device, requires_grad=True) for shape in shapes)
    return x, weight, style


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize(("kernel_size", "up"), [(1, False), (3, False), (3, True)])
@pytest.mark.parametrize("gain", [1.0, 1.5])
@pytest.mark.parametrize("convolve", [modulated_conv2d, folded_conv2d])
def test_equals_a_loop_over_samples(
    float64_device: torch.device,
    convolve: Callable[..., Tensor],
    gain: float,
    kernel_size: int,
    up: bool,
    demodulate: bool,
) -> None:
    x, weight, style = inputs(float64_device, kernel_size)
    result = convolve(x, weight, style, demodulate=demodulate, up=up, gain=gain)
    assert result.shape == (3, 2, 5 * (1 + up), 5 * (1 + up))
    assert_close(result, gain * naive(x, weight, style, demodulate, up), rtol=1e-6, atol=1e-9)


def test_folds_where_it_pays_and_only_then(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    # 4 * 5 * 5 inputs, 2 * 4 * 3 * 3 weights
    x, weight, style = (tensor.detach().float().to(device) for tensor in inputs(torch.device("cpu"), 3))
    calls = []
    monkeypatch.setattr(modulate, "folded_conv2d", lambda *args, **_: calls.append(args))
    modulated_conv2d(x, weight, style)
    with torch.no_grad():
        modulated_conv2d(x[..., :4, :4], weight, style)
    assert not calls, "folding would cost gradients their one convolution, and small pictures more than it saves"
    with torch.no_grad():
        modulated_conv2d(x, weight, style)
    assert len(calls) == (device.type == "cpu"), "accelerators convolve the batch at once as fast"


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("up", [True, False])
def test_gradients(float64_device: torch.device, up: bool, demodulate: bool) -> None:
    x, weight, style = inputs(float64_device, 3)
    function = partial(modulated_conv2d, demodulate=demodulate, up=up)
    assert torch.autograd.gradcheck(function, (x[:1, :, :3, :3], weight, style[:1]))


def test_demodulation_makes_the_style_s_length_irrelevant(float64_device: torch.device) -> None:
    x, weight, style = inputs(float64_device, 3)
    demodulated, plain = (
        [modulated_conv2d(x, weight, style * factor, demodulate=demodulate) for factor in (1, 10)]
        for demodulate in (True, False)
    )
    assert_close(*demodulated, rtol=1e-6, atol=1e-6)
    assert_close(plain[0] * 10, plain[1], rtol=1e-7, atol=1e-7)


def test_half_precision_picture_with_full_precision_style(device: torch.device) -> None:
    x, weight, style = (tensor.detach().float().to(device) for tensor in inputs(torch.device("cpu"), 3))
    for convolve in (modulated_conv2d, folded_conv2d):
        half = convolve(x.bfloat16(), weight, style)
        assert half.dtype == torch.bfloat16
        assert_close(half.float(), convolve(x, weight, style), rtol=0.05, atol=0.05)

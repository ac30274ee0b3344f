"""Modulated convolution (StyleGAN2, section 2.2): a convolution whose weight is scaled by a style."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from exegan.ops.image import fir_filter


def modulated_conv2d(
    x: Tensor, weight: Tensor, style: Tensor, *, demodulate: bool = True, up: bool = False, gain: float = 1.0
) -> Tensor:
    """Convolve each sample with `weight` scaled by its style, optionally normalised and doubling the size.

    Scaling the weight's input channels equals scaling the input; normalising its output channels equals scaling the
    output. So one ordinary convolution serves the whole batch, where scaled weights need a grouped one.

    Args:
        x: [B, I, H, W].
        weight: [O, I, k, k], k odd (3 with `up`).
        style: [B, I], times the weight's equalising gain.
        demodulate: Divide by the norm of the scaled weight of each output channel.
        up: Double the size: transposed convolution, then the FIR filter.
        gain: Factor on the result.

    Returns:
        [B, O, H, W], or [B, O, 2H, 2W] with `up`.
    """
    if _folding_pays(x, weight):
        return folded_conv2d(x, weight, style, demodulate=demodulate, up=up, gain=gain)
    x = _convolve(x * style[:, :, None, None].to(x.dtype), weight.to(x.dtype), up)
    if demodulate:
        return x * (_demodulation(weight, style) * gain)[:, :, None, None].to(x.dtype)
    return x if gain == 1 else x * gain


def folded_conv2d(
    x: Tensor, weight: Tensor, style: Tensor, *, demodulate: bool = True, up: bool = False, gain: float = 1.0
) -> Tensor:
    """The same as `modulated_conv2d` with all factors folded into one weight a sample.

    Where the picture is larger than the weight, scaling the weight saves passes over the picture, which is what a CPU
    waits for; the loop over samples would starve a GPU.
    """
    factors = torch.full_like(style[:, :1], gain).expand(-1, len(weight))
    if demodulate:
        factors = factors * _demodulation(weight, style)
    samples = []
    for i, (scale, factor) in enumerate(zip(style, factors, strict=True)):
        kernel = weight * scale[:, None, None] * factor[:, None, None, None]
        samples.append(_convolve(x[i : i + 1], kernel.to(x.dtype), up))
    return torch.cat(samples) if len(samples) > 1 else samples[0]


def _folding_pays(x: Tensor, weight: Tensor) -> bool:
    # Not while tracing: the loop over samples would fix the batch size, and a compiler fuses the passes anyway.
    on_cpu = x.device.type == "cpu" and not torch.is_grad_enabled() and not torch.compiler.is_compiling()
    return on_cpu and x.shape[1:].numel() > weight.numel()


def _demodulation(weight: Tensor, style: Tensor) -> Tensor:
    """One over the norm of each output channel's scaled weight, [B, O]."""
    energy = torch.einsum("bi,oi->bo", style.square(), weight.square().sum(dim=(2, 3)))
    return torch.rsqrt(energy + 1e-8)


def _convolve(x: Tensor, weight: Tensor, up: bool) -> Tensor:
    if up:
        return fir_filter(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), pad=1, gain=4.0)
    return F.conv2d(x, weight, padding=weight.shape[-1] // 2)

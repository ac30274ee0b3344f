"""Modulated convolution (StyleGAN2, section 2.2): a convolution whose weight is scaled by a style."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from exegan.ops.resample import fir_filter


def modulated_conv2d(x: Tensor, weight: Tensor, style: Tensor, *, demodulate: bool = True, up: bool = False) -> Tensor:
    """Convolve each sample with `weight` scaled by its style, optionally normalised and doubling the size.

    Scaling the weight's input channels equals scaling the input; normalising its output channels equals scaling the
    output. So one ordinary convolution serves the whole batch, where scaled weights need a grouped one.

    Args:
        x: [B, I, H, W].
        weight: [O, I, k, k], k odd (3 with `up`), already multiplied by its equalising gain.
        style: [B, I].
        demodulate: Divide by the norm of the scaled weight of each output channel.
        up: Double the size: transposed convolution, then the FIR filter.

    Returns:
        [B, O, H, W], or [B, O, 2H, 2W] with `up`.
    """
    x = x * style[:, :, None, None].to(x.dtype)
    if up:
        x = F.conv_transpose2d(x, weight.transpose(0, 1).to(x.dtype), stride=2)
        x = fir_filter(x, pad=(1, 1), gain=4.0)
    else:
        x = F.conv2d(x, weight.to(x.dtype), padding=weight.shape[-1] // 2)
    if demodulate:
        energy = torch.einsum("bi,oi->bo", style.square(), weight.square().sum(dim=(2, 3)))
        x = x * torch.rsqrt(energy + 1e-8)[:, :, None, None].to(x.dtype)
    return x

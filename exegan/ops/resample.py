"""Resampling: by factors of two with StyleGAN2's low-pass filter [1, 3, 3, 1], and to any size."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_TAPS = (1.0, 3.0, 3.0, 1.0)


def fir_filter(x: Tensor, pad: int, gain: float = 1.0) -> Tensor:
    """Blur each channel with the normalised filter.

    One two-dimensional pass: rows and columns in turn would need half the multiplications, but reading and writing the
    picture twice costs more than they do (measured on CPUs, forward and backward).

    Args:
        x: [B, C, H, W].
        pad: Zeros added on every side.
        gain: Factor on the result.

    Returns:
        [B, C, H + 2 * pad - 3, W + 2 * pad - 3].
    """
    channels = x.shape[1]
    taps = torch.tensor(_TAPS, dtype=x.dtype, device=x.device) * (gain**0.5 / sum(_TAPS))
    kernel = torch.outer(taps, taps).expand(channels, 1, -1, -1)
    return F.conv2d(x, kernel, padding=pad, groups=channels)


def upsample(x: Tensor) -> Tensor:
    """Double height and width: zeros between the pixels, then the filter with gain 4. [B, C, H, W] → [B, C, 2H, 2W].

    Written as its two phases a side: output 2i mixes inputs i-1 and i as 1:3, output 2i+1 mixes i and i+1 as 3:1, which
    is the same sum without the inserted zeros.
    """
    return _upsample_last(_upsample_last(x).transpose(2, 3)).transpose(2, 3)


def _upsample_last(x: Tensor) -> Tensor:
    padded = F.pad(x, (1, 1))
    even = 0.75 * x + 0.25 * padded[..., :-2]
    odd = 0.75 * x + 0.25 * padded[..., 2:]
    return torch.stack((even, odd), dim=-1).flatten(-2)


def resize(image: Tensor, side: int) -> Tensor:
    """Antialiased bilinear resize to a square (Pillow's, less its rounding); [B, C, H, W] → [B, C, side, side]."""
    if image.shape[-2:] == (side, side):
        return image
    return F.interpolate(image, (side, side), mode="bilinear", align_corners=False, antialias=True)


def block_means(image: Tensor, block: int) -> Tensor:
    """Means over blocks of `block` x `block` pixels; [B, C, H, W] → [B, C, H / block, W / block]."""
    return image if block == 1 else F.avg_pool2d(image, block)

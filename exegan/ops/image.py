"""Operations on images: resampling with StyleGAN2's low-pass filter [1, 3, 3, 1], resizing, and compositing."""

from __future__ import annotations

from contextlib import nullcontext
from functools import lru_cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

_TAPS = (1.0, 3.0, 3.0, 1.0)
# Where PyTorch has antialiased resizing forwards and backwards. MPS has the first since 2.7 only, the second later yet,
# so that a missing operation may show only when gradients are taken.
_ANTIALIASING = ("cpu", "cuda")


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


def resize(image: Tensor, side: int, mode: Literal["bilinear", "bicubic"] = "bilinear") -> Tensor:
    """Antialiased resize to a square (Pillow's, less its rounding), on every device.

    Args:
        image: [B, C, H, W].
        side: Of the result in pixels.
        mode: The filter.

    Returns:
        [B, C, side, side].
    """
    if image.shape[-2:] == (side, side):
        return image
    if image.device.type in _ANTIALIASING:
        return F.interpolate(image, (side, side), mode=mode, align_corners=False, antialias=True)
    rows, columns = (_weights(size, side, mode).to(image) for size in image.shape[-2:])
    kind = image.device.type
    # Resizing keeps its number format under autocast, products do not.
    with torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext():
        return rows @ image @ columns.T


@lru_cache(32)
def _weights(size: int, side: int, mode: str) -> Tensor:
    """What each of `side` pixels takes of each of `size` in a row [side, size]: the library's resize of unit rows."""
    with torch.inference_mode(False), torch.no_grad():
        rows = torch.eye(size)[None, None]
        return F.interpolate(rows, (side, size), mode=mode, align_corners=False, antialias=True)[0, 0]


def block_means(image: Tensor, block: int) -> Tensor:
    """Means over blocks of `block` x `block` pixels; [B, C, H, W] → [B, C, H / block, W / block]."""
    return image if block == 1 else F.avg_pool2d(image, block)


def composite(fake: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """`fake` inside the hole, `image` outside, bit for bit where the mask is 0.

    Args:
        fake: Generated picture [B, 3, H, W], finite.
        image: Picture to complete [B, 3, H, W].
        mask: [B, 1, H, W], 1 = hole.
    """
    return fake * mask + image * (1 - mask)

"""StyleGAN2's operations as its paper and most programs write them, to compare with: the same results, slower.

A grouped convolution with one modulated weight a sample, and a filter that pads, inserts zeros and convolves each
channel by itself with a 4x4 kernel.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor

_KERNEL = torch.outer(torch.tensor([1.0, 3.0, 3.0, 1.0]), torch.tensor([1.0, 3.0, 3.0, 1.0])) / 64


def textbook_filter(x: Tensor, pad: int, gain: float = 1.0) -> Tensor:
    """Twin of `exegan.ops.image.fir_filter`."""
    batch, channels, height, width = x.shape
    planes = F.pad(x.reshape(batch * channels, 1, height, width), (pad,) * 4)
    planes = F.conv2d(planes, (_KERNEL * gain).to(x)[None, None])
    return planes.view(batch, channels, *planes.shape[2:])


def textbook_upsample(x: Tensor) -> Tensor:
    """Twin of `exegan.ops.image.upsample`."""
    batch, channels, height, width = x.shape
    spread = F.pad(x.reshape(batch, channels, height, 1, width, 1), (0, 1, 0, 0, 0, 1))
    spread = spread.reshape(batch, channels, 2 * height, 2 * width)
    # One pad more than needed before each axis, and its first row and column cut off: (2, 1) zeros in effect.
    return textbook_filter(spread, pad=2, gain=4.0)[:, :, :-1, :-1]


def textbook_modulated_conv2d(
    x: Tensor, weight: Tensor, style: Tensor, *, demodulate: bool = True, up: bool = False, gain: float = 1.0
) -> Tensor:
    """Twin of `exegan.ops.modulate.modulated_conv2d`."""
    batch, channels, height, width = x.shape
    kernels = weight[None] * style[:, None, :, None, None]
    if demodulate:
        kernels = kernels * torch.rsqrt(kernels.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8)
    x = x.reshape(1, batch * channels, height, width)
    if up:
        x = F.conv_transpose2d(x, kernels.transpose(1, 2).flatten(0, 1), stride=2, groups=batch)
        x = textbook_filter(x.view(batch, -1, *x.shape[2:]), pad=1, gain=4.0)
    else:
        x = F.conv2d(x, kernels.flatten(0, 1), padding=weight.shape[-1] // 2, groups=batch)
    return x.view(batch, -1, *x.shape[2:]) * gain


@contextlib.contextmanager
def textbook_operations() -> Iterator[None]:
    """Within it, the networks run on the operations above."""
    with (
        mock.patch("exegan.nets.generator.modulated_conv2d", textbook_modulated_conv2d),
        mock.patch("exegan.nets.generator.upsample", textbook_upsample),
        mock.patch("exegan.nets.layers.fir_filter", textbook_filter),
    ):
        yield

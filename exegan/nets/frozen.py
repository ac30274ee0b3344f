"""What frozen networks of losses and metrics share: the protocol, eval mode for good, unit-normalised features.

*Perceptual* nets give feature maps such that the perceptual distance of two images is the sum over levels of the mean
over positions of the sum over channels of the squared difference. *Recognition* nets give one embedding of length 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn


class FrozenNet(Protocol):
    """An image's features. Everything `make_frozen_net` returns is one, and a `torch.nn.Module` as well."""

    def __call__(self, image: Tensor) -> list[Tensor]:
        """Features of `image` [B, 3, H, W] RGB in [-1, 1], any size from 32 px.

        Returns:
            Perceptual: maps [B, C_l, H_l, W_l], one a level. Recognition: one embedding [B, D] of length 1, of the face
            alone where the picture is aligned as FFHQ's are.
        """
        ...


Frozen = TypeVar("Frozen", bound="FrozenModule")


class FrozenModule(nn.Module):
    """Base of the backbones: after `freeze` no weight learns, and a parent's `.train()` has no effect on it.

    Constants are non-persistent buffers: they follow the module to its device and are no part of its weight file.
    """

    def freeze(self: Frozen) -> Frozen:
        """Take the weights out of training; gradients still reach the image."""
        self.requires_grad_(False)
        return self.eval()

    def train(self: Frozen, mode: bool = True) -> Frozen:
        """Stay in eval mode whatever `mode` is: batch statistics and dropout would make a loss random."""
        return super().train(False)

    def register_constant(self, name: str, values: Sequence[float]) -> None:
        """Keep one value a channel as the buffer `name` [1, C, 1, 1]."""
        self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1), persistent=False)


def unit_normalise(feature: Tensor, eps: float = 1e-10, length: float = 1.0) -> Tensor:
    """Divide by (Euclidean norm over channels + eps), as LPIPS does, times `length`; [B, C, H, W], at least float32.

    float16 cannot hold eps, so half-precision features are raised. A vector of zeros stays zero and, unlike the square
    root of a sum, `vector_norm` has a finite gradient there.
    """
    feature = at_least_float32(feature)
    unit: Tensor = feature / ((torch.linalg.vector_norm(feature, dim=1, keepdim=True) + eps) / length)
    return unit


def equal_levels(features: Sequence[Tensor]) -> list[Tensor]:
    """Unit-normalised features over sqrt(number of levels).

    The perceptual distance squares and sums, so it becomes the *mean* over levels of the LPIPS-like distance with all
    channel weights 1: each level counts the same, and the value is between 0 and 2 for features behind a ReLU.
    """
    return [unit_normalise(feature, length=1 / math.sqrt(len(features))) for feature in features]


def at_least_float32(x: Tensor) -> Tensor:
    """Half precision raised to float32."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def cache_remedy(cached: Path, others: str) -> str:
    """Advice for a failed download: where a library looks for its file, and which other networks need none."""
    return (
        f"put the file at {cached}, or name a local copy as the net's `weights`, "
        f"or choose {others} with a local file in the YAML"
    )

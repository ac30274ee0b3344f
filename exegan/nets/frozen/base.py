"""What all frozen backbones share: staying in eval, unit-normalised features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Frozen = TypeVar("Frozen", bound="FrozenModule")

# The square of an FFHQ-aligned picture that recognition networks were trained on, in shares of its side: the similarity
# that takes the mean landmarks of such pictures to the 112 px template of aligned faces, by least squares. It turns by
# less than a tenth of a degree, so that a square does.
_FACE_LEFT, _FACE_TOP, _FACE_SIDE = 0.1187, 0.1195, 0.7606


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


def recognition_crop(image: Tensor) -> Tensor:
    """The face of an FFHQ-aligned picture as recognition networks know faces: without hair, neck and background.

    Args:
        image: [B, 3, H, W], aligned as FFHQ's pictures are, square.

    Returns:
        [B, 3, S, S], a view of about three quarters of the side.
    """
    left, top, side = (round(share * image.shape[-1]) for share in (_FACE_LEFT, _FACE_TOP, _FACE_SIDE))
    return image[..., top : top + side, left : left + side]


def unit_normalise(feature: Tensor, eps: float = 1e-10, length: float = 1.0) -> Tensor:
    """Divide by (Euclidean norm over channels + eps), as LPIPS does, times `length`; [B, C, H, W], at least float32.

    float16 cannot hold eps, so half-precision features are raised. A vector of zeros stays zero and, unlike the square
    root of a sum, `vector_norm` has a finite gradient there.
    """
    feature = _at_least_float32(feature)
    unit: Tensor = feature / ((torch.linalg.vector_norm(feature, dim=1, keepdim=True) + eps) / length)
    return unit


def equal_levels(features: Sequence[Tensor]) -> list[Tensor]:
    """Unit-normalised features over sqrt(number of levels).

    The perceptual distance squares and sums, so it becomes the *mean* over levels of the LPIPS-like distance with all
    channel weights 1: each level counts the same, and the value is between 0 and 2 for features behind a ReLU.
    """
    return [unit_normalise(feature, length=1 / math.sqrt(len(features))) for feature in features]


def unit_embedding(embedding: Tensor) -> Tensor:
    """[B, D] at length 1, at least float32 so that cosines of close faces differ under autocast as well."""
    return F.normalize(_at_least_float32(embedding))


def _at_least_float32(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))

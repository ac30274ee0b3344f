"""Pixel error.

Over the whole hole, for samples with no other face to follow, it teaches the `small` style encoder. In a band along the
rim, where the surroundings decide whatever the exemplar, it teaches to go on with what is around the hole: on the outer
side too, since `faces.paste` takes the difference between photo and drawing there for the one at the rim.
"""

from __future__ import annotations

from torch import Tensor


def reconstruction_loss(completed: Tensor, image: Tensor, weight_map: Tensor) -> Tensor:
    """Weighted mean absolute error of each sample, summed over the batch.

    Args:
        completed: [B, 3, H, W] in [-1, 1], composited or as it is drawn; B may be 0.
        image: The truth [B, 3, H, W].
        weight_map: [B, 1, H, W]: the mask (1 = hole), or `masks.weighting.rim_weight` of it; a sample without a hole
            adds 0.
    """
    error = ((completed - image).abs().mean(dim=1, keepdim=True) * weight_map).sum(dim=(1, 2, 3))
    return (error / weight_map.sum(dim=(1, 2, 3)).clamp(min=1)).sum()

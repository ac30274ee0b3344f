"""Perceptual distance to the truth, for samples with no other face to follow (paper, section 3.4)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from exegan.nets.features import FrozenNet
from exegan.ops.gradient import weight_gradient
from exegan.ops.resample import resize


def perceptual_distance(a: Tensor, b: Tensor, net: FrozenNet) -> Tensor:
    """LPIPS-like distance of two batches [B, 3, H, W] in [-1, 1] → [B].

    Squared difference of the network's feature maps, summed over channels, averaged over positions, summed over levels.
    """
    return map_distance(net(a), net(b))


def map_distance(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """The same of feature maps [B, C_l, H_l, W_l] that are there already, one a level → [B]."""
    distances = [(x - y).square().sum(dim=1).mean(dim=(1, 2)) for x, y in zip(a, b, strict=True)]
    total = distances[0]
    for distance in distances[1:]:
        total = total + distance
    return total


def perceptual_loss(completed: Tensor, image: Tensor, net: FrozenNet, weight_map: Tensor, largest: int = 0) -> Tensor:
    """Sum over the batch of the distances; its gradient reaches each pixel times `weight_map`.

    Args:
        completed: [B, 3, H, W] in [-1, 1]; B may be 0.
        image: The truth [B, 3, H, W].
        net: A perceptual network.
        weight_map: [B, 1, H, W], high near the hole's rim (`masks.weighting.boundary_weight`).
        largest: Side to which larger pictures are reduced for the network; 0 = never.
    """
    if completed.shape[0] == 0:
        return completed.sum()
    side = min(image.shape[-1], largest or image.shape[-1])
    weighted = weight_gradient(completed, weight_map)
    return perceptual_distance(resize(weighted, side), resize(image, side), net).sum()

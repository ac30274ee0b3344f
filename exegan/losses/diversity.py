"""Diversity: completions of one hole from different random numbers differ (mode seeking, Mao et al. 2019)."""

from __future__ import annotations

from torch import Tensor


def diversity_loss(first: Tensor, second: Tensor, weight_map: Tensor, target: float) -> Tensor:
    """How far pairs of pictures fall short of a difference, averaged over the batch; 0 where all differ enough.

    A bound, because without one the pictures would be driven apart for ever.

    Args:
        first: [B, 3, H, W] in [-1, 1].
        second: The same holes from other random numbers.
        weight_map: [B, 1, H, W], high deep inside the hole (`masks.weighting.interior_weight`), as its rim leaves no
            choice.
        target: Mean absolute difference that is enough, above 0.

    Returns:
        Scalar in [0, 1]; a sample without a hole counts as 1.
    """
    difference = ((first - second).abs().mean(dim=1, keepdim=True) * weight_map).sum(dim=(1, 2, 3))
    difference = difference / weight_map.sum(dim=(1, 2, 3)).clamp(min=1)
    return (1 - difference / target).clamp(min=0).mean()

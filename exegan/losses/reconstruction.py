"""Pixel error inside the hole, for samples that are their own exemplar: what teaches the `small` style encoder."""

from __future__ import annotations

from torch import Tensor


def reconstruction_loss(completed: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute error over each sample's hole, summed over the batch.

    Args:
        completed: [B, 3, H, W] in [-1, 1]; B may be 0.
        image: The truth [B, 3, H, W].
        mask: [B, 1, H, W], 1 = hole; a sample without a hole adds 0.
    """
    error = ((completed - image).abs().mean(dim=1, keepdim=True) * mask).sum(dim=(1, 2, 3))
    return (error / mask.sum(dim=(1, 2, 3)).clamp(min=1)).sum()

"""Putting generated pixels into the hole and nowhere else."""

from torch import Tensor


def composite(fake: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """`fake` inside the hole, `image` outside, bit for bit where the mask is 0.

    Args:
        fake: Generated picture [B, 3, H, W], finite.
        image: Picture to complete [B, 3, H, W].
        mask: [B, 1, H, W], 1 = hole.
    """
    return fake * mask + image * (1 - mask)

"""Identity: the completed face should be recognised as the exemplar (paper, section 3.4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from exegan.nets.features import FrozenNet


def identity_loss(completed: Tensor, exemplar: Tensor, net: FrozenNet) -> Tensor:
    """1 - cosine similarity under a recognition network, mean over the batch.

    Args:
        completed: [B, 3, H, W] in [-1, 1].
        exemplar: [B, 3, H, W] in [-1, 1].
        net: A recognition network, whose only output is an embedding [B, D].
    """
    with torch.no_grad():
        (wanted,) = net(exemplar)
    (got,) = net(completed)
    return (1 - F.cosine_similarity(got, wanted)).mean()

"""Identity: the completed face should be recognised as the exemplar (paper, section 3.4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from exegan.nets.features import FrozenNet


def identity_loss(
    completed: Tensor, exemplar: Tensor, net: FrozenNet, contrast: float = 0.0, grey: bool = False
) -> Tensor:
    """1 - cosine similarity under a recognition network, mean over the batch.

    Alone it can be lowered by a face that is somewhat like everybody. With `contrast` that does not pay: the mean
    similarity to the exemplars of the other samples is added, times `contrast`. Nor does a tint that nobody has but the
    network likes, such as green teeth, where `grey` takes the colours away.

    Args:
        completed: [B, 3, H, W] in [-1, 1].
        exemplar: [B, 3, H, W] in [-1, 1].
        net: A recognition network, whose only output is an embedding [B, D].
        contrast: At 1, what is common to all faces counts nothing. Without effect on a single sample.
        grey: Show the network the means of red, green and blue.
    """
    if grey:
        completed, exemplar = (
            picture.mean(dim=1, keepdim=True).expand_as(picture) for picture in (completed, exemplar)
        )
    with torch.no_grad():
        (wanted,) = net(exemplar)
    (got,) = net(completed)
    likeness = F.normalize(got) @ F.normalize(wanted).T
    own = likeness.diagonal()
    loss = 1 - own
    if contrast and len(own) > 1:
        loss = loss + contrast * (likeness.sum(dim=1) - own) / (len(own) - 1)
    return loss.mean()

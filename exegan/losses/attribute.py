"""Attribute similarity: distance between the style codes of the completed picture and of its exemplar (section 3.2)."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from exegan.ops.gradient import weight_gradient


def attribute_loss(
    completed: Tensor, exemplar_style: Tensor, style_encoder: Callable[[Tensor], Tensor], weight_map: Tensor
) -> Tensor:
    """Mean squared difference of style codes; its gradient reaches each pixel times `weight_map`.

    Args:
        completed: [B, 3, H, W] in [-1, 1].
        exemplar_style: Codes of the exemplars from the same encoder [B, num_styles, w_dim].
        style_encoder: Frozen; its codes of the completed picture are compared.
        weight_map: [B, 1, H, W], high deep inside the hole (`masks.weighting.interior_weight`).
    """
    return F.mse_loss(style_encoder(weight_gradient(completed, weight_map)), exemplar_style)

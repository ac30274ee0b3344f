"""Adversarial terms: logistic and hinge losses, R1 gradient penalty, path length penalty (StyleGAN2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def generator_loss(fake_logits: Tensor) -> Tensor:
    """-log sigmoid(D(fake)), mean over the batch. Logits [B] → scalar."""
    return F.softplus(-fake_logits).mean()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """-log sigmoid(D(real)) - log(1 - sigmoid(D(fake))), mean over the batch. Logits [B] → scalar."""
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def r1_penalty(real_logits: Tensor, real: Tensor) -> Tensor:
    """Mean squared norm of the discriminator's gradient at real pictures (Mescheder et al. 2018).

    Args:
        real_logits: [B], computed from `real`.
        real: [B, 3, H, W] with `requires_grad`.

    Returns:
        Scalar; the R1 term is gamma / 2 times it.
    """
    (grad,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
    return grad.square().sum(dim=(1, 2, 3)).mean()


def path_lengths(fake: Tensor, w_plus: Tensor, noise: Tensor) -> Tensor:
    """|J^T y|, how far a step in w moves the picture (StyleGAN2, section 3.2).

    The path length penalty is the mean squared difference of these lengths from their running mean.

    Args:
        fake: Raw picture [B, 3, H, W], computed from `w_plus`.
        w_plus: [B, num_ws, w_dim] with gradient history.
        noise: The random direction y [B, 3, H, W], standard normal.

    Returns:
        Lengths [B], differentiable.
    """
    projected = (fake * noise).sum() / math.sqrt(fake.shape[2] * fake.shape[3])
    (grad,) = torch.autograd.grad(projected, w_plus, create_graph=True)
    return grad.square().sum(dim=2).mean(dim=1).sqrt()


def patch_discriminator_loss(real: Sequence[Tensor], fake: Sequence[Tensor], shares: Sequence[Tensor]) -> Tensor:
    """Hinge loss over the patches that have a hole, mean over the heads.

    Args:
        real: Logits of the truth [B, 1, h, w], one a head.
        fake: Logits of the completed pictures at the same places.
        shares: Share of hole in each patch, of the same shapes; patches without one count nothing, as real and
            completed pictures are equal there.
    """
    losses = [_patch_mean(F.relu(1 - r) + F.relu(1 + f), share) for r, f, share in zip(real, fake, shares, strict=True)]
    return torch.stack(losses).mean()


def patch_generator_loss(fake: Sequence[Tensor], shares: Sequence[Tensor]) -> Tensor:
    """Minus the mean logit of the patches that have a hole, mean over the heads; arguments as above."""
    return torch.stack([_patch_mean(-f, share) for f, share in zip(fake, shares, strict=True)]).mean()


def _patch_mean(values: Tensor, share: Tensor) -> Tensor:
    return (values.float() * share).sum() / share.sum().clamp(min=1e-6)

"""The terms of the objective (paper, section 3.4), each a pure function of tensors; `objective` adds them up."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from exegan.losses.svgl import weight_gradient
from exegan.nets.frozen import FrozenNet
from exegan.ops.image import resize


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


def attribute_loss(
    completed: Tensor, exemplar_style: Tensor, style_encoder: Callable[[Tensor], Tensor], weight_map: Tensor
) -> Tensor:
    """Mean squared difference of style codes; its gradient reaches each pixel times `weight_map`.

    Args:
        completed: [B, 3, H, W] in [-1, 1].
        exemplar_style: Codes of the exemplars from the same encoder [B, num_styles, w_dim].
        style_encoder: Frozen; its codes of the completed picture are compared.
        weight_map: [B, 1, H, W], high deep inside the hole (`svgl.interior_weight`).
    """
    return F.mse_loss(style_encoder(weight_gradient(completed, weight_map)), exemplar_style)


def diversity_loss(first: Tensor, second: Tensor, weight_map: Tensor, target: float) -> Tensor:
    """How far pairs of pictures fall short of a difference, averaged over the batch; 0 where all differ enough.

    A bound, because without one the pictures would be driven apart for ever.

    Args:
        first: [B, 3, H, W] in [-1, 1].
        second: The same holes from other random numbers.
        weight_map: [B, 1, H, W], high deep inside the hole (`svgl.interior_weight`), as its rim leaves no
            choice.
        target: Mean absolute difference that is enough, above 0.

    Returns:
        Scalar in [0, 1]; a sample without a hole counts as 1.
    """
    difference = ((first - second).abs().mean(dim=1, keepdim=True) * weight_map).sum(dim=(1, 2, 3))
    difference = difference / weight_map.sum(dim=(1, 2, 3)).clamp(min=1)
    return (1 - difference / target).clamp(min=0).mean()


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


def perceptual_distance(a: Tensor, b: Tensor, net: FrozenNet) -> Tensor:
    """LPIPS-like distance of two batches [B, 3, H, W] in [-1, 1] → [B].

    Squared difference of the network's feature maps, summed over channels, averaged over positions, summed over levels.
    """
    return map_distance(net(a), net(b))


def map_distance(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """The same distance of feature maps [B, C_l, H_l, W_l] that are computed already, one a level → [B]."""
    return mean_over_positions(squared_differences(a, b))


def squared_differences(a: Sequence[Tensor], b: Sequence[Tensor]) -> list[Tensor]:
    """Of feature maps [B, C_l, H_l, W_l], summed over channels: [B, H_l, W_l], one a level."""
    return [(x - y).square().sum(dim=1) for x, y in zip(a, b, strict=True)]


def mean_over_positions(levels: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
    """Mean of each level over its positions, summed over levels.

    Args:
        levels: What `squared_differences` gives.
        mask: [B, 1, H, W], 1 = hole: positions count by how much of them is hole; None = all count the same.

    Returns:
        [B]; NaN for a sample whose mask has no hole.
    """
    if mask is None:
        return torch.stack([level.mean(dim=(1, 2)) for level in levels]).sum(dim=0)
    means = []
    for level in levels:
        # Pooled on the CPU: MPS pools to divisors of the size alone.
        share = F.adaptive_avg_pool2d(mask.cpu(), (level.shape[1], level.shape[2])).to(level)[:, 0]
        means.append((level * share).sum(dim=(1, 2)) / share.sum(dim=(1, 2)))
    return torch.stack(means).sum(dim=0)


def perceptual_loss(completed: Tensor, image: Tensor, net: FrozenNet, weight_map: Tensor, largest: int = 0) -> Tensor:
    """Sum over the batch of the distances; its gradient reaches each pixel times `weight_map`.

    Args:
        completed: [B, 3, H, W] in [-1, 1]; B may be 0.
        image: The truth [B, 3, H, W].
        net: A perceptual network.
        weight_map: [B, 1, H, W], high near the hole's rim (`svgl.boundary_weight`).
        largest: Side to which larger pictures are reduced for the network; 0 = never.
    """
    if completed.shape[0] == 0:
        return completed.sum()
    side = min(image.shape[-1], largest or image.shape[-1])
    weighted = weight_gradient(completed, weight_map)
    return perceptual_distance(resize(weighted, side), resize(image, side), net).sum()


def reconstruction_loss(completed: Tensor, image: Tensor, weight_map: Tensor) -> Tensor:
    """Weighted mean absolute error of each sample, summed over the batch.

    Over the whole hole, for samples with no other face to follow, it trains the `small` style encoder. In a band along
    the rim it trains the generator to continue what is around the hole; on the outer side too, since `faces.paste`
    takes the difference between photo and generated image there for the one at the rim.

    Args:
        completed: [B, 3, H, W] in [-1, 1], composited or as it is drawn; B may be 0.
        image: The truth [B, 3, H, W].
        weight_map: [B, 1, H, W]: the mask (1 = hole), or `svgl.rim_weight` of it; a sample without a hole
            adds 0.
    """
    error = ((completed - image).abs().mean(dim=1, keepdim=True) * weight_map).sum(dim=(1, 2, 3))
    return (error / weight_map.sum(dim=(1, 2, 3)).clamp(min=1)).sum()

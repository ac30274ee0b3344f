"""Adversarial training on patches of the hole (`losses.projected`): what both halves of a step share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from exegan.losses.adversarial import patch_discriminator_loss, patch_generator_loss
from exegan.losses.objective import Completion
from exegan.losses.perceptual import map_distance
from exegan.nets.features import FrozenNet
from exegan.nets.projected import ProjectedDiscriminator, hole_shares, look


@dataclass(frozen=True)
class Patches:
    """Frozen features of a batch, computed once for both networks' halves of a step.

    Args:
        discriminator: Whose heads judge them.
        real: Of the truth: for each view its pixels and the network's maps.
        fake: Of the completed pictures, with gradient history.
        masks: The mask's views [B, 1, h, w].
    """

    discriminator: ProjectedDiscriminator
    real: list[list[Tensor]]
    fake: list[list[Tensor]]
    masks: list[Tensor]


def look_at(sample: Completion, discriminator: ProjectedDiscriminator, net: FrozenNet, where: Tensor) -> Patches:
    """Look at a batch through the frozen network.

    Args:
        sample: The batch.
        discriminator: Says which views.
        net: The frozen network.
        where: Uniform random numbers [B] in [0, 1) that place the crops.
    """
    corners = discriminator.draw_corners(sample.mask, where)
    with torch.no_grad():
        real = look(discriminator.views(sample.image, corners), net)
        masks = discriminator.views(sample.mask, corners)
    return Patches(discriminator, real, look(discriminator.views(sample.completed, corners), net), masks)


def discriminator_part(patches: Patches) -> Tensor:
    """What the discriminator's heads minimise; no gradient reaches the generator."""
    real = patches.discriminator(patches.real)
    fake = patches.discriminator([[level.detach() for level in levels] for levels in patches.fake])
    return patch_discriminator_loss(real, fake, hole_shares(patches.masks, real))


def generator_part(patches: Patches) -> Tensor:
    """What the generator minimises; the heads' weights are left alone by the caller."""
    fake = patches.discriminator(patches.fake)
    return patch_generator_loss(fake, hole_shares(patches.masks, fake))


def feature_distance(patches: Patches, owing: Tensor) -> Tensor:
    """Perceptual distance to the truth of the views, their mean, summed over the samples that owe it, over the batch.

    Args:
        patches: Of the batch.
        owing: [B] bool, the samples that count.
    """
    total = owing.new_zeros((), dtype=torch.float32)
    for real, fake in zip(patches.real, patches.fake, strict=True):
        total = total + (map_distance(fake[1:], real[1:]) * owing).sum()  # behind the view's own pixels
    return total / (len(patches.real) * len(owing))

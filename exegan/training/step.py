"""What a training step is made of: networks, completed images, patches, random numbers, the averaged generator.

No generator's state goes from one batch to the next, so a resumed run draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from exegan.data.samples import Sample
from exegan.losses.objective import Completion
from exegan.losses.terms import map_distance, patch_discriminator_loss, patch_generator_loss
from exegan.nets.discriminator import ProjectedDiscriminator, hole_shares, view_features
from exegan.nets.frozen import FrozenNet
from exegan.nets.generator import Generator
from exegan.nets.model import Model
from exegan.ops.image import composite

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def make_average(module: ModuleT) -> ModuleT:
    """A frozen copy of `module` in evaluation mode, to be moved by `update_average`; what is frozen is shared."""
    shared = {id(child): child for child in frozen_children(module).values()}
    return copy.deepcopy(module, shared).eval().requires_grad_(False)


def frozen_children(module: nn.Module) -> dict[str, nn.Module]:
    """Children with weights of which none is trained, by name."""
    parameters = {name: list(child.parameters()) for name, child in module.named_children()}
    return {
        name: module.get_submodule(name)
        for name, found in parameters.items()
        if found and not any(one.requires_grad for one in found)
    }


def decay_for(batch_images: int, images_seen: int, half_life_kimg: float, rampup: float) -> float:
    """Decay of one step.

    Args:
        batch_images: Images of this step, over all devices.
        images_seen: Images before this step.
        half_life_kimg: Thousands of images after which an old weight counts half.
        rampup: The half-life is at most this share of `images_seen`, so that early weights are forgotten soon; 0 = off.

    Returns:
        0.5 ** (batch_images / half-life): 0.9922 for 64 images at a half-life of 5.66 kimg, 0.5 at 0.064 kimg.
    """
    half_life = half_life_kimg * 1000
    if rampup:
        half_life = min(half_life, images_seen * rampup)
    return float(0.5 ** (batch_images / max(half_life, 1e-8)))


@torch.no_grad()
def update_average(average: nn.Module, module: nn.Module, decay: float) -> None:
    """average ← module + decay · (average - module) for parameters; buffers are copied."""
    for old, new in zip(average.parameters(), module.parameters(), strict=True):
        if old is not new:
            old.lerp_(new, 1 - decay)
    for old_buffer, new_buffer in zip(average.buffers(), module.buffers(), strict=True):
        old_buffer.copy_(new_buffer)


class BatchRandom:
    """Random numbers for the samples of one batch.

    Several processes share a batch: each draws the numbers of all samples and keeps those of its own, which are every
    `ranks`-th as the data's are. So the numbers of a sample do not depend on how many processes there are. Layers that
    draw for themselves (dropout, augmentation) take PyTorch's default generators, seeded here for each rank.

    Args:
        seed: Seed of the run.
        batch_number: Which batch of the run this is.
        device: Where the numbers are wanted.
        rank: This process.
        ranks: Number of processes.
    """

    def __init__(self, seed: int, batch_number: int, device: torch.device, rank: int = 0, ranks: int = 1) -> None:
        self.device, self.rank, self.ranks = device, rank, ranks
        self._generator = torch.Generator(device).manual_seed(_mix(seed, batch_number, 0))
        torch.manual_seed(_mix(seed, batch_number, 1 + rank))

    def normal(self, count: int, *shape: int) -> Tensor:
        """Standard normal numbers [count, *shape], a row for each of this process's samples."""
        return self._own(torch.randn(count * self.ranks, *shape, generator=self._generator, device=self.device))

    def uniform(self, count: int, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1), [count, *shape]."""
        return self._own(torch.rand(count * self.ranks, *shape, generator=self._generator, device=self.device))

    def integers(self, low: int, high: int, count: int, *shape: int) -> Tensor:
        """Integers from `low` up to but not including `high`, [count, *shape]."""
        size = (count * self.ranks, *shape)
        return self._own(torch.randint(low, high, size, generator=self._generator, device=self.device))

    def _own(self, rows: Tensor) -> Tensor:
        return rows[self.rank :: self.ranks]


def _mix(*numbers: int) -> int:
    """One seed from several numbers, such that near numbers give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


@dataclass(frozen=True)
class StepNetworks:
    """Callables for the parts of a step that need first derivatives only.

    `torch.compile` cannot differentiate twice, so R1 and the path length call the modules themselves. Held outside the
    module tree: a compiled module inside it would double every entry of the state dict.
    """

    generator: Callable[..., Tensor]
    style_encoder: Callable[[Tensor], Tensor]
    attribute_encoder: Callable[[Tensor], Tensor]
    discriminator: Callable[[Tensor], Tensor]


def make_step_networks(
    model: Model, average: Model, discriminator: nn.Module, compile_networks: bool = False
) -> StepNetworks:
    """Networks of a step.

    Args:
        model: The networks in training.
        average: Their moving average, whose style encoder measures attributes: a learned one could lower the
            attribute term by changing itself.
        discriminator: The discriminator in training.
        compile_networks: Compile each on its first call.
    """
    modules: list[nn.Module] = [model.generator, model.style_encoder, average.style_encoder, discriminator]
    return StepNetworks(*(torch.compile(module) if compile_networks else module for module in modules))


@dataclass(frozen=True)
class Completer:
    """The networks of a run and what is left to chance.

    Args:
        model: Generator and style encoder in training.
        networks: The same as a step calls them.
        style_mixing_prob: Probability that a sample's coarse layers take two random styles.
        exemplar_dropout_prob: Probability that a sample is completed without its exemplar.
    """

    model: Model
    networks: StepNetworks
    style_mixing_prob: float
    exemplar_dropout_prob: float

    def complete(self, batch: Sample, random: BatchRandom) -> tuple[Completion, Tensor]:
        """Complete a batch from fresh z with style mixing and fresh noise, gradients kept.

        Returns:
            The completed batch, and the style codes of its exemplars [B, num_styles, w_dim].
        """
        image, mask = batch["image"], batch["mask"]
        generator = self.model.generator
        style = self.networks.style_encoder(batch["exemplar"])
        is_guided = self._draw_guided(len(image), random)
        strength = 1.0 if is_guided is None else is_guided[:, None, None].to(style.dtype)
        w_plus = generator.mix_styles(self.draw_w(len(image), random), style, strength)
        noise = [random.normal(len(image), 1, *shape) for shape in generator.config.noise_shapes()]
        raw = self.networks.generator(image, mask, w_plus, noise).float()
        completed = composite(raw, image, mask)
        return Completion(raw, completed, image, mask, batch["exemplar"], batch["is_self"], is_guided), style

    def generate_twins(self, batch: Sample, count: int, random: BatchRandom) -> tuple[Tensor, Tensor]:
        """Two raw pictures [count, 3, R, R] of each of the first holes, different in z alone.

        The stored noise serves both, and no gradient reaches the style encoder.
        """
        image, mask = batch["image"][:count], batch["mask"][:count]
        with torch.no_grad():
            style = self.networks.style_encoder(batch["exemplar"][:count])
        both = self.model.generator.mix_styles(self.draw_w(2 * count, random), style.repeat(2, 1, 1))
        raw = self.networks.generator(image.repeat(2, 1, 1, 1), mask.repeat(2, 1, 1, 1), both).float()
        first, second = raw.chunk(2)
        return first, second

    def generate_from_styles(self, batch: Sample, count: int, random: BatchRandom) -> tuple[Tensor, Tensor]:
        """Raw pictures [count, 3, R, R] of the first holes and the `w_plus` they were made from.

        It calls the modules themselves, as second derivatives are taken of it.
        """
        generator: Generator = self.model.generator
        style = self.model.style_encoder(batch["exemplar"][:count])
        w_plus = generator.mix_styles(self.draw_w(count, random), style)
        return generator(batch["image"][:count], batch["mask"][:count], w_plus), w_plus

    def draw_w(self, batch: int, random: BatchRandom) -> Tensor:
        """Stochastic styles [B, num_ws, w_dim]; the coarse layers of some samples take two."""
        config = self.model.config.generator
        z = random.normal(batch, 2, config.z_dim).transpose(0, 1).flatten(0, 1)
        first, second = self.model.generator.mapping(z).chunk(2)
        crossover = random.integers(1, max(config.num_coarse, 2), batch, 1)
        unmixed = random.uniform(batch, 1) >= self.style_mixing_prob
        keep_first = (torch.arange(config.num_ws, device=random.device) < crossover) | unmixed
        return torch.where(keep_first[:, :, None], first[:, None], second[:, None])

    def _draw_guided(self, batch: int, random: BatchRandom) -> Tensor | None:
        """[B] bool, False for samples that are not shown their exemplar; None where all are."""
        if self.exemplar_dropout_prob == 0:
            return None
        return random.uniform(batch) >= self.exemplar_dropout_prob


@dataclass(frozen=True)
class Patches:
    """Frozen features of a batch, computed once for both networks' halves of a step.

    Args:
        discriminator: The one whose heads take them.
        real: Of the truth: for each view its pixels and the network's maps.
        fake: Of the completed pictures, with gradient history.
        masks: The mask's views [B, 1, h, w].
    """

    discriminator: ProjectedDiscriminator
    real: list[list[Tensor]]
    fake: list[list[Tensor]]
    masks: list[Tensor]


def extract_patches(
    sample: Completion, discriminator: ProjectedDiscriminator, net: FrozenNet, where: Tensor
) -> Patches:
    """Frozen features of a batch, truth and completed images alike.

    Args:
        sample: The batch.
        discriminator: Says which views.
        net: The frozen network.
        where: Uniform random numbers [B] in [0, 1) that place the crops.
    """
    corners = discriminator.draw_corners(sample.mask, where)
    with torch.no_grad():
        real = view_features(discriminator.views(sample.image, corners), net)
        masks = discriminator.views(sample.mask, corners)
    return Patches(discriminator, real, view_features(discriminator.views(sample.completed, corners), net), masks)


def discriminator_part(patches: Patches) -> Tensor:
    """What the discriminator's heads minimise; no gradient reaches the generator."""
    real = patches.discriminator(patches.real)
    fake = patches.discriminator([[level.detach() for level in levels] for levels in patches.fake])
    return patch_discriminator_loss(real, fake, hole_shares(patches.masks, real))


def generator_part(patches: Patches) -> Tensor:
    """What the generator minimises; the heads' weights are left alone by the caller."""
    fake = patches.discriminator(patches.fake)
    return patch_generator_loss(fake, hole_shares(patches.masks, fake))


def feature_distance(patches: Patches, reconstructed: Tensor) -> Tensor:
    """Perceptual distance to the truth: mean over the views, summed over the chosen samples, divided by the batch.

    Args:
        patches: Of the batch.
        reconstructed: [B] bool, the samples that count (`Completion.is_reconstruction`).
    """
    total = reconstructed.new_zeros((), dtype=torch.float32)
    for real, fake in zip(patches.real, patches.fake, strict=True):
        total = total + (map_distance(fake[1:], real[1:]) * reconstructed).sum()  # behind the view's own pixels
    return total / (len(patches.real) * len(reconstructed))

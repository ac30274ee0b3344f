"""How a training step completes a batch: which styles are drawn, who is shown an exemplar, with what noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from exegan.data.samples import Sample
from exegan.losses.objective import Completion
from exegan.nets.generator import Generator
from exegan.nets.model import Model
from exegan.ops.composite import composite
from exegan.training.randomness import BatchRandom
from exegan.training.step_networks import StepNetworks


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

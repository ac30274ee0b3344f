"""The generator's objective: every weighted term in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from exegan.config import LossConfig
from exegan.losses.svgl import boundary_weight, interior_weight, rim_weight
from exegan.losses.terms import attribute_loss, generator_loss, identity_loss, perceptual_loss, reconstruction_loss
from exegan.nets.features import make_frozen_net
from exegan.nets.frozen import FrozenModule


@dataclass(frozen=True)
class Completion:
    """One batch as the objective sees it.

    Args:
        raw: The generated image [B, 3, R, R], known part included, about [-1, 1], with gradient history.
        completed: The same composited with the truth, with gradient history.
        image: The truth [B, 3, R, R].
        mask: [B, 1, R, R], 1 = hole.
        exemplar: [B, 3, R, R].
        is_self: [B] bool, True where the exemplar is the image itself.
        is_guided: [B] bool, False where the generator was not shown the exemplar; None = all were.
    """

    raw: Tensor
    completed: Tensor
    image: Tensor
    mask: Tensor
    exemplar: Tensor
    is_self: Tensor
    is_guided: Tensor | None = None

    def guided(self) -> Completion:
        """The samples whose exemplar was shown."""
        return self if self.is_guided is None else self._only(self.is_guided)

    def is_reconstruction(self) -> Tensor:
        """[B] bool, True for samples with no other face to follow: their own exemplars, and those shown none."""
        return self.is_self if self.is_guided is None else self.is_self | ~self.is_guided

    def reconstruction_samples(self) -> Completion:
        """The samples that are compared with the truth."""
        return self._only(self.is_reconstruction())

    def _only(self, chosen: Tensor) -> Completion:
        return Completion(
            self.raw[chosen],
            self.completed[chosen],
            self.image[chosen],
            self.mask[chosen],
            self.exemplar[chosen],
            self.is_self[chosen],
            None if self.is_guided is None else self.is_guided[chosen],
        )


class GeneratorObjective(nn.Module):
    """Weighted sum of the generator's terms (paper, section 3.4); a term of weight 0 is not computed.

    Building it loads the frozen networks that its terms need, so that missing weights are an error before training.

    Raises:
        WeightsError: A frozen network's weights are missing.
        ConfigError: A frozen network's name is unknown or of the wrong kind.
    """

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.config = config
        wants_features = config.perceptual or (config.projected and config.projected_net is None)
        self.perceptual_net = make_frozen_net(config.perceptual_net, "perceptual") if wants_features else None
        self.projected_net = self.perceptual_net
        if config.projected and config.projected_net is not None:
            self.projected_net = make_frozen_net(config.projected_net, "perceptual")
        self.identity_net = make_frozen_net(config.identity_net, "recognition") if config.identity else None

    def distance_net(self) -> tuple[str, FrozenModule] | None:
        """Name and network that measure distances to the truth: the perceptual term's or else the discriminator's."""
        if self.perceptual_net is not None:
            return self.config.perceptual_net.name, self.perceptual_net
        if self.projected_net is not None and self.config.projected_net is not None:
            return self.config.projected_net.name, self.projected_net
        return None

    def forward(
        self,
        sample: Completion,
        discriminate: Callable[[Tensor], Tensor],
        encode_attributes: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss to minimise.

        Args:
            sample: The batch.
            discriminate: Pictures [B, 3, R, R] → logits [B].
            encode_attributes: Frozen style encoder of the attribute term, pictures → codes.

        Returns:
            The total and its unweighted parts by name; those that compare with exemplar or truth are sums over the
            samples that they apply to, divided by the size of the whole batch.
        """
        parts: dict[str, Tensor] = {}
        if self.config.adversarial:
            parts["adversarial"] = generator_loss(discriminate(sample.completed))
        if self.config.rim:
            rim = rim_weight(sample.mask)
            parts["rim"] = reconstruction_loss(sample.raw, sample.image, rim) / len(sample.image)
        batch, guided = len(sample.image), sample.guided()
        share = len(guided.image) / batch
        parts |= {name: value * share for name, value in self._exemplar_parts(guided, encode_attributes).items()}
        parts |= self._truth_parts(sample.reconstruction_samples(), batch)
        total = sample.completed.new_zeros(())
        for name, value in parts.items():
            total = total + getattr(self.config, name) * value
        return total, parts

    def _exemplar_parts(self, sample: Completion, encode: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
        parts: dict[str, Tensor] = {}
        if not len(sample.image):
            # Every process has every part in every step: they average them, and each other's, one after the other.
            return {name: sample.completed.sum() for name in ("attribute", "identity") if getattr(self.config, name)}
        if self.config.attribute:
            with torch.no_grad():
                wanted = encode(sample.exemplar)
            parts["attribute"] = attribute_loss(sample.completed, wanted, encode, interior_weight(sample.mask))
        if self.identity_net is not None:
            parts["identity"] = identity_loss(
                sample.completed,
                sample.exemplar,
                self.identity_net,
                contrast=self.config.identity_contrast,
                grey=self.config.identity_grey,
            )
        return parts

    def _truth_parts(self, sample: Completion, batch: int) -> dict[str, Tensor]:
        parts: dict[str, Tensor] = {}
        completed, image, mask = sample.completed, sample.image, sample.mask
        if self.config.perceptual and self.perceptual_net is not None:
            weight, largest = boundary_weight(mask), self.config.perceptual_side
            parts["perceptual"] = perceptual_loss(completed, image, self.perceptual_net, weight, largest) / batch
        if self.config.reconstruction:
            parts["reconstruction"] = reconstruction_loss(completed, image, mask) / batch
        return parts

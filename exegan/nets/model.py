"""The networks that complete a face, together: what a model folder holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from exegan.config import ModelConfig
from exegan.nets.generator import Generator
from exegan.nets.style_encoder import make_style_encoder

_MEAN_W_SAMPLES = 4096


class Networks(Protocol):
    """What the pipeline asks of the networks, whatever runs them: `Model` is one."""

    @property
    def config(self) -> ModelConfig:
        """What the networks are."""
        ...

    def encode_exemplar(self, exemplar: Tensor) -> Tensor:
        """Aligned exemplar faces [B, 3, H, W] in [-1, 1] → style codes [B, num_styles, w_dim]."""
        ...

    def generate(
        self,
        image: Tensor,
        mask: Tensor,
        z: Tensor,
        style: Tensor,
        exemplar_strength: float | Tensor = 1.0,
        truncation_psi: float = 1.0,
        noise: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Whole faces around the known pixels.

        Args:
            image: [B, 3, R, R] in [-1, 1]; pixels in the hole are not looked at.
            mask: [B, 1, R, R], 1 = hole.
            z: Random latents [B, z_dim].
            style: Style codes [B, num_styles, w_dim] of the exemplars.
            exemplar_strength: 1 = the exemplar alone rules its layers, 0 = the stochastic style alone; one for all, or
                one for each [B].
            truncation_psi: 1 = none; towards 0, w moves to its mean.
            noise: One picture [B or 1, 1, h, w] a layer (`GeneratorConfig.noise_shapes`); None takes the stored noise.

        Returns:
            Raw pictures [B, 3, R, R], about [-1, 1], not clamped and not composited.
        """
        ...


class Model(nn.Module):
    """Generator, style encoder and the mean of w, built from one configuration.

    `mean_w` [w_dim] is where truncation leads to; `update_mean_w` computes it after training.
    """

    mean_w: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = Generator(config.generator)
        self.style_encoder = make_style_encoder(config)
        self.register_buffer("mean_w", torch.zeros(config.generator.w_dim))

    @torch.no_grad()
    def update_mean_w(self) -> None:
        """Set `mean_w` to the mean over 4,096 z of a fixed seed."""
        z = torch.randn(_MEAN_W_SAMPLES, self.config.generator.z_dim, generator=torch.Generator().manual_seed(0))
        self.mean_w.copy_(self.generator.mapping(z.to(self.mean_w.device)).mean(dim=0))

    def encode_exemplar(self, exemplar: Tensor) -> Tensor:
        """Style codes of aligned exemplars, as `Networks` says."""
        style: Tensor = self.style_encoder(exemplar)
        return style

    def generate(
        self,
        image: Tensor,
        mask: Tensor,
        z: Tensor,
        style: Tensor,
        exemplar_strength: float | Tensor = 1.0,
        truncation_psi: float = 1.0,
        noise: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Whole faces around the known pixels, as `Networks` says."""
        w = self.generator.mapping(z).float()  # autocast hands out its own format
        w = torch.lerp(self.mean_w.expand_as(w), w, truncation_psi)
        if isinstance(exemplar_strength, Tensor) and exemplar_strength.ndim == 1:
            exemplar_strength = exemplar_strength[:, None, None]
        w_plus = self.generator.mix_styles(w, style, exemplar_strength)
        raw: Tensor = self.generator(image, mask, w_plus, noise)
        return raw

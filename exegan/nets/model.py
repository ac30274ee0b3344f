"""The networks that complete a face, together: what a model folder holds."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from exegan.config import ModelConfig
from exegan.nets.generator import Generator
from exegan.nets.style_encoder import make_style_encoder

_MEAN_W_SAMPLES = 4096


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

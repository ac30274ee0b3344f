"""Mapping network: random latent z → w, the stochastic style (paper, section 3.1)."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from exegan.config import GeneratorConfig
from exegan.nets.layers import EqualLinear


class MappingNetwork(nn.Module):
    """z [B, z_dim], normalised to unit mean square, through fully connected layers → w [B, w_dim]."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        widths = [config.z_dim] + [config.w_dim] * config.mapping_layers
        self.layers = nn.Sequential(
            *(
                EqualLinear(n_in, n_out, lr_mul=config.mapping_lr_mul, activate=True)
                for n_in, n_out in itertools.pairwise(widths)
            )
        )

    def forward(self, z: Tensor) -> Tensor:
        z = z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)
        w: Tensor = self.layers(z)
        return w

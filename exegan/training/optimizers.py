"""The optimisers of both networks."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from exegan.config import LossConfig, OptimizerConfig


def make_optimizers(
    config: OptimizerConfig, losses: LossConfig, model: nn.Module, discriminator: nn.Module
) -> list[torch.optim.Optimizer]:
    """Adam for what is trained of the model, and for the discriminator."""
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        _make_adam(trained, config.lr, config.betas, losses.path_length_interval, losses.path_length),
        _make_adam(discriminator.parameters(), config.discriminator_lr, config.betas, losses.r1_interval, losses.r1),
    ]


def _make_adam(
    parameters: Iterable[nn.Parameter], lr: float, betas: tuple[float, float], interval: int, weight: float
) -> torch.optim.Adam:
    """Adam, slowed so that an additional step every `interval` batches leaves the pace as it was (StyleGAN2, B)."""
    ratio = interval / (interval + 1) if weight else 1.0
    scaled = (betas[0] ** ratio, betas[1] ** ratio)
    return torch.optim.Adam(parameters, lr=lr * ratio, betas=scaled, eps=1e-8, fused=True)

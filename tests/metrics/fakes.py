"""Pictures, networks and rows for tests of metrics."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from exegan.metrics.base import Comparison, ImageBatch, Pictures, Rows
from exegan.metrics.networks import MetricNetwork
from exegan.nets.frozen import FrozenModule


class Quarters(FrozenModule):
    """One vector: mean colours of the picture's quarters; maps: the picture and its half."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, image: Tensor) -> list[Tensor]:
        return [image, F.avg_pool2d(image, 2)] if self.kind == "maps" else [F.adaptive_avg_pool2d(image, 2).flatten(1)]


def network(name: str, trained_on: bool = False) -> MetricNetwork:
    """A network of the registry's name and role that is none."""
    kind = "maps" if name in ("lpips-alex", "vgg19") else "features"
    return MetricNetwork(name, Quarters(kind), "16", "0" * 64, "fake", trained_on)


def pictures(count: int = 3, side: int = 16, seed: int = 0) -> Pictures:
    return np.random.default_rng(seed).integers(0, 256, size=(count, side, side, 3), dtype=np.uint8)


def compare(completed: Pictures, truth: Pictures, mask: np.ndarray | None = None) -> Comparison:
    return Comparison(ImageBatch(completed), ImageBatch(truth), mask)


def left_half(count: int = 3, side: int = 16) -> np.ndarray:
    mask = np.zeros((count, side, side), dtype=bool)
    mask[:, :, : side // 2] = True
    return mask


def gaussian(count: int, mean: Tensor, factor: Tensor, seed: int) -> Rows:
    """Vectors whose sample mean and covariance are exactly `mean` [D] and `factor factorᵀ` [D, D]."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, len(mean), generator=generator, dtype=torch.float64)
    x = x - x.mean(dim=0)
    whitened = x @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(x.T))).T
    rows: Rows = (whitened @ factor.double().T + mean.double()).numpy()
    return rows

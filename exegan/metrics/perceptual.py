"""Perceptual distance to the truth, and diversity among seeds measured by it."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from exegan.metrics.base import Comparison, Measurements, PerImageMetric, Rows, ScalarMetric, as_rows
from exegan.metrics.networks import MetricNetwork


class Perceptual(PerImageMetric):
    """Distance of feature maps, summed over levels; over the whole picture or the hole.

    Over the hole, positions count by how much of them is hole; receptive fields reach beyond it.

    Args:
        network: One with feature maps.
        in_hole: Mean over the hole's positions alone.
    """

    def __init__(self, network: MetricNetwork, in_hole: bool = False) -> None:
        where = " in the hole" if in_hole else ""
        super().__init__(f"{perceptual_name(network)}{where}", rows_key=f"perceptual {network.key}")
        self.network, self.trained_on = network.name, network.trained_on
        self.in_hole, self._network = in_hole, network
        self.needs = frozenset({"mask"}) if in_hole else frozenset()

    def measure(self, batch: Comparison) -> Rows:
        mask = None if batch.mask is None else torch.from_numpy(batch.mask[:, None]).float()
        features = (images.features(self._network).maps for images in (batch.completed, batch.truth))
        levels = [_distances(a, b, mask) for a, b in zip(*features, strict=True)]
        rows: Rows = torch.stack(levels).cpu().double().sum(dim=0).numpy()
        return rows

    def values(self, measurements: Measurements) -> NDArray[np.float64]:
        return measurements.rows[:, int(self.in_hole)]


def perceptual_name(network: MetricNetwork) -> str:
    """LPIPS is only what has LPIPS's own heads."""
    return f"{'LPIPS' if network.name.startswith('lpips-') else 'LPIPS-like'} ({network.label})"


def _distances(a: Tensor, b: Tensor, mask: Tensor | None) -> Tensor:
    """One level: [B, 2], mean over all positions and over the hole's (NaN without a hole)."""
    squared = (a - b).square().sum(dim=1, keepdim=True)
    whole = squared.mean(dim=(1, 2, 3))
    if mask is None:
        return torch.stack([whole, torch.full_like(whole, torch.nan)], dim=1)
    # On the mask's own device, the CPU: MPS pools to divisors of the size alone.
    share = F.adaptive_avg_pool2d(mask, (squared.shape[2], squared.shape[3])).to(squared.device)
    return torch.stack([whole, (squared * share).sum(dim=(1, 2, 3)) / share.sum(dim=(1, 2, 3))], dim=1)


class Diversity(ScalarMetric):
    """Mean perceptual distance between two completions of one hole from one exemplar and different random numbers."""

    better = "higher"
    needs = frozenset({"second"})

    def __init__(self, network: MetricNetwork) -> None:
        super().__init__(f"diversity by {perceptual_name(network)}", rows_key=f"diversity {network.key}")
        self.network, self.trained_on = network.name, network.trained_on
        self._network = network

    def measure(self, batch: Comparison) -> Rows:
        if batch.second is None:
            raise ValueError("diversity needs second completions; the runner leaves it out where there are none")
        features = (images.features(self._network).maps for images in (batch.completed, batch.second))
        levels = [(a - b).square().sum(dim=1).mean(dim=(1, 2)) for a, b in zip(*features, strict=True)]
        return as_rows(torch.stack(levels).cpu().double().sum(dim=0).numpy())

"""How different two completions of one hole are."""

from __future__ import annotations

import torch

from exegan.metrics.comparison import Comparison, Rows, columns
from exegan.metrics.networks import MetricNetwork
from exegan.metrics.perceptual import perceptual_name
from exegan.metrics.resampling import FirstColumn


class Diversity(FirstColumn):
    """Mean perceptual distance between two completions of one hole from one exemplar and different random numbers."""

    better = "higher"
    needs = frozenset({"second"})

    def __init__(self, network: MetricNetwork) -> None:
        super().__init__(f"diversity by {perceptual_name(network)}", rows_key=f"diversity {network.key}")
        self.network, self.trained_on = network.name, network.trained_on
        self._through = network

    def measure(self, batch: Comparison) -> Rows:
        if batch.second is None:
            raise ValueError("diversity needs second completions; the runner leaves it out where there are none")
        looks = (shown.through(self._through).maps for shown in (batch.completed, batch.second))
        levels = [(a - b).square().sum(dim=1).mean(dim=(1, 2)) for a, b in zip(*looks, strict=True)]
        return columns(torch.stack(levels).cpu().double().sum(dim=0).numpy())

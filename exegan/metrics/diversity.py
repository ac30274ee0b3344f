"""How different two completions of one hole are."""

from __future__ import annotations

import torch

from exegan.images import to_tensor
from exegan.losses.perceptual import perceptual_distance
from exegan.metrics.base import Comparison, Rows
from exegan.metrics.networks import MetricNetwork
from exegan.metrics.perceptual import perceptual_name
from exegan.metrics.resampling import FirstColumn


class Diversity(FirstColumn):
    """Mean perceptual distance between two completions of one hole from one exemplar and different random numbers."""

    better = "higher"
    needs = frozenset({"second"})

    def __init__(self, network: MetricNetwork) -> None:
        super().__init__(f"diversity as {perceptual_name(network)}", rows_key=f"diversity {network.key}")
        self.network, self.trained_on = network.name, network.trained_on
        self._maps = network.maps

    @torch.no_grad()
    def measure(self, batch: Comparison) -> Rows:
        if batch.second is None:
            raise ValueError("diversity needs second completions; the runner leaves it out where there are none")
        distance = perceptual_distance(batch.completed_tensor, to_tensor(list(batch.second)), self._maps)
        rows: Rows = distance[:, None].double().numpy()
        return rows

"""Metrics of a network's features of each image: perceptual distance, diversity, likeness of identity."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from exegan.losses.terms import map_distance, mean_over_positions, squared_differences
from exegan.metrics.base import Comparison, Measurements, PerImageMetric, Rows, ScalarMetric, as_rows
from exegan.metrics.distributions import VectorMetric
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
        completed, truth = (images.features(self._network).maps for images in (batch.completed, batch.truth))
        levels = squared_differences(completed, truth)
        whole = mean_over_positions(levels)
        hole = torch.full_like(whole, torch.nan)
        if batch.mask is not None:
            hole = mean_over_positions(levels, torch.from_numpy(batch.mask[:, None]).float())
        rows: Rows = torch.stack([whole, hole], dim=1).cpu().double().numpy()
        return rows

    def values(self, measurements: Measurements) -> NDArray[np.float64]:
        return measurements.rows[:, int(self.in_hole)]


def perceptual_name(network: MetricNetwork) -> str:
    """LPIPS is only what has LPIPS's own heads."""
    return f"{'LPIPS' if network.name.startswith('lpips-') else 'LPIPS-like'} ({network.label})"


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
        first, second = (images.features(self._network).maps for images in (batch.completed, batch.second))
        return as_rows(map_distance(first, second).cpu().double().numpy())


class EmbeddingMetric(VectorMetric, PerImageMetric):
    """A metric of the embedding of each completed face under a recognition network."""

    better = "higher"
    single_image = True


class Identity(EmbeddingMetric):
    """Similarity to the truth, or to the exemplar, in [-1, 1].

    Args:
        network: A recognition network.
        to: Which of them.
    """

    def __init__(self, network: MetricNetwork, to: Literal["truth", "exemplar"]) -> None:
        super().__init__(f"identity to {to}", network)
        self.to = to
        self.needs = frozenset({"exemplar"}) if to == "exemplar" else frozenset()

    def values(self, measurements: Measurements) -> NDArray[np.float64]:
        return cosine(measurements.rows, measurements.truth if self.to == "truth" else measurements.exemplar)


def cosine(a: Rows, b: Rows | None) -> NDArray[np.float64]:
    """Cosine similarity of vectors [N, D] row by row → [N]."""
    if b is None:
        raise ValueError("the rows to compare with are missing; the runner leaves the metric out where they are")
    product: NDArray[np.float64] = (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return product


class ExemplarEffect(EmbeddingMetric):
    """Similarity to the exemplar minus similarity to a random other face; 0 = the exemplar does nothing."""

    needs = frozenset({"exemplar"})

    def __init__(self, network: MetricNetwork, name: str = "exemplar effect") -> None:
        super().__init__(name, network)

    def values(self, measurements: Measurements) -> NDArray[np.float64]:
        return cosine(measurements.rows, measurements.exemplar) - cosine(measurements.rows, measurements.other)


class ExemplarPreferred(ExemplarEffect):
    """Share of pictures more like the exemplar than like a random other face; 0.5 = the exemplar does nothing."""

    def __init__(self, network: MetricNetwork) -> None:
        super().__init__(network, "exemplar preferred")

    def values(self, measurements: Measurements) -> NDArray[np.float64]:
        return np.heaviside(super().values(measurements), 0.5)

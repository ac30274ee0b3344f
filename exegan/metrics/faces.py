"""Metrics of identity: likeness to truth and exemplar, and the exemplar's effect."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from exegan.metrics.base import Comparison, Measurements, PerImageMetric, Rows
from exegan.metrics.distributions import feature_rows, features_key
from exegan.metrics.networks import MetricNetwork


class EmbeddingMetric(PerImageMetric):
    """A metric of the embedding of each completed face.

    Args:
        name: Of the metric, to which the network's label is added.
        network: A recognition network.
    """

    better = "higher"
    single_image = True

    def __init__(self, name: str, network: MetricNetwork) -> None:
        super().__init__(f"{name} ({network.label})", rows_key=features_key(network))
        self.network, self.trained_on = network.name, network.trained_on
        self._rows = partial(feature_rows, network)

    def measure(self, batch: Comparison) -> Rows:
        return self._rows(batch)


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

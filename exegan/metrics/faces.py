"""Metrics of identity: likeness to truth and exemplar, and the exemplar's effect."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from exegan.metrics.base import Comparison, Evidence, PerPicture, Rows
from exegan.metrics.distributions import feature_rows, features_key
from exegan.metrics.networks import MetricNetwork


class OfEmbedding(PerPicture):
    """A metric of the embedding of each completed face.

    Args:
        name: Of the metric, to which the network's label is added.
        network: A recognition network.
    """

    better = "higher"
    of_one = True

    def __init__(self, name: str, network: MetricNetwork) -> None:
        super().__init__(f"{name} ({network.label})", rows_key=features_key(network))
        self.network, self.trained_on = network.name, network.trained_on
        self._rows = partial(feature_rows, network)

    def measure(self, batch: Comparison) -> Rows:
        return self._rows(batch)


class Identity(OfEmbedding):
    """Similarity to the truth, or to the exemplar, in [-1, 1].

    Args:
        network: A recognition network.
        to: Which of them.
    """

    def __init__(self, network: MetricNetwork, to: Literal["truth", "exemplar"]) -> None:
        super().__init__(f"identity to {to}", network)
        self.to = to
        self.needs = frozenset({"exemplar"}) if to == "exemplar" else frozenset()

    def values(self, evidence: Evidence) -> NDArray[np.float64]:
        return cosine(evidence.rows, evidence.truth if self.to == "truth" else evidence.exemplar)


def cosine(a: Rows, b: Rows | None) -> NDArray[np.float64]:
    """Cosine similarity of vectors [N, D] row by row → [N]."""
    if b is None:
        raise ValueError("the rows to compare with are missing; the runner leaves the metric out where they are")
    product: NDArray[np.float64] = (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return product


class ExemplarEffect(OfEmbedding):
    """Similarity to the exemplar minus similarity to a random other face; 0 = the exemplar does nothing."""

    needs = frozenset({"exemplar"})

    def __init__(self, network: MetricNetwork, name: str = "exemplar effect") -> None:
        super().__init__(name, network)

    def values(self, evidence: Evidence) -> NDArray[np.float64]:
        return cosine(evidence.rows, evidence.exemplar) - cosine(evidence.rows, evidence.other)


class ExemplarPreferred(ExemplarEffect):
    """Share of pictures more like the exemplar than like a random other face; 0.5 = the exemplar does nothing."""

    def __init__(self, network: MetricNetwork) -> None:
        super().__init__(network, "exemplar preferred")

    def values(self, evidence: Evidence) -> NDArray[np.float64]:
        return np.heaviside(super().values(evidence), 0.5)

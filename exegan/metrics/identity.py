"""Whose face it is: cosine similarity under a recognition network."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from exegan.metrics.base import Evidence
from exegan.metrics.comparison import Comparison, Rows
from exegan.metrics.networks import MetricNetwork
from exegan.metrics.resampling import PerPicture
from exegan.metrics.set_features import feature_rows, features_key


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

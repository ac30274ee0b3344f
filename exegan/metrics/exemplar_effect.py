"""What the exemplar does: likeness to it beyond the likeness to any face, and how often."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exegan.metrics.base import Evidence
from exegan.metrics.identity import OfEmbedding, cosine
from exegan.metrics.networks import MetricNetwork


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

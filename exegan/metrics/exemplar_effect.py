"""What the exemplar does: likeness to it beyond the likeness to any face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exegan.metrics.base import Evidence
from exegan.metrics.identity import OfEmbedding, cosine
from exegan.metrics.networks import MetricNetwork


class ExemplarEffect(OfEmbedding):
    """Similarity to the exemplar minus similarity to a random other face; 0 = the exemplar does nothing."""

    needs = frozenset({"exemplar"})

    def __init__(self, network: MetricNetwork) -> None:
        super().__init__("exemplar effect", network)

    def values(self, evidence: Evidence) -> NDArray[np.float64]:
        return cosine(evidence.rows, evidence.exemplar) - cosine(evidence.rows, evidence.other)

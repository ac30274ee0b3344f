"""What metrics of sets share: a feature vector for each picture."""

from __future__ import annotations

from functools import partial

from exegan.metrics.comparison import Comparison, Rows
from exegan.metrics.networks import MetricNetwork
from exegan.metrics.resampling import OfSet


class OfFeatures(OfSet):
    """A metric of two sets of feature vectors.

    Args:
        name: Of the metric, to which the network's label is added.
        network: One with features.
    """

    def __init__(self, name: str, network: MetricNetwork) -> None:
        super().__init__(f"{name} ({network.label})", rows_key=features_key(network))
        self.network, self.trained_on = network.name, network.trained_on
        self._rows = partial(feature_rows, network)

    def measure(self, batch: Comparison) -> Rows:
        return self._rows(batch)


def features_key(network: MetricNetwork) -> str:
    """Key under which the rows of all metrics on a network's features are shared."""
    return f"features {network.key}"


def feature_rows(network: MetricNetwork, batch: Comparison) -> Rows:
    """A network's features of the completed pictures [B, D]."""
    features = batch.completed.through(network).features
    assert features is not None
    rows: Rows = features.cpu().double().numpy()
    return rows

"""Inception discriminative scores (Zhao et al. 2021): how well a linear classifier tells completed from true."""

from __future__ import annotations

import numpy as np

from exegan.metrics.base import Evidence, require
from exegan.metrics.comparison import Rows
from exegan.metrics.networks import MetricNetwork
from exegan.metrics.set_features import OfFeatures


class _Discriminative(OfFeatures):
    better = "higher"

    def __init__(self, name: str, network: MetricNetwork) -> None:
        super().__init__(name, network)
        require("sklearn.svm")

    def shortfall(self, evidence: Evidence) -> str | None:
        images, dim = evidence.rows.shape
        # 2N points in fewer than N dimensions: any two sets would do for a plane to lie between them (Cover 1965).
        few = f"{images} images, needs more than {2 * dim}, as its halves are to exceed the {dim} features"
        return None if images > 2 * dim else few


class UIDS(_Discriminative):
    """Share of pictures on the wrong side of the plane: 0 = separable, 0.5 = cannot be told apart."""

    def __init__(self, network: MetricNetwork) -> None:
        super().__init__("U-IDS", network)

    def score(self, rows: Rows, truth: Rows) -> float:
        completed, true = decisions(rows, truth)
        return float(1 - ((completed <= 0).mean() + (true > 0).mean()) / 2)


class PIDS(_Discriminative):
    """Share of completed pictures that look truer than their own truth: 0 = none, 0.5 = as often as not."""

    def __init__(self, network: MetricNetwork) -> None:
        super().__init__("P-IDS", network)

    def score(self, rows: Rows, truth: Rows) -> float:
        completed, true = decisions(rows, truth)
        return float((completed > true).mean())


def decisions(rows: Rows, truth: Rows) -> tuple[Rows, Rows]:
    """Signed distances [N] and [M] from the plane of a linear support vector machine; positive = looks true.

    Args:
        rows: Features of completed pictures [N, D].
        truth: Features of true pictures [M, D].
    """
    machine = require("sklearn.svm").LinearSVC(dual=False)
    machine.fit(np.concatenate([rows, truth]), np.repeat([0, 1], [len(rows), len(truth)]))
    return machine.decision_function(rows), machine.decision_function(truth)

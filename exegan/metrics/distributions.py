"""Distances between the features of two sets of pictures: Fréchet, kernel, P-IDS and U-IDS."""

from __future__ import annotations

import numpy as np
import torch

from exegan.metrics.base import Comparison, Measurements, Metric, Rows, SetMetric, require
from exegan.metrics.networks import MetricNetwork


class VectorMetric(Metric):
    """A metric whose rows are a network's feature vectors of the completed pictures, shared by all such metrics.

    Args:
        name: Of the metric, to which the network's label is added.
        network: One with feature vectors.
    """

    def __init__(self, name: str, network: MetricNetwork) -> None:
        super().__init__(f"{name} ({network.label})", rows_key=f"features {network.key}")
        self.network, self.trained_on = network.name, network.trained_on
        self._network = network

    def measure(self, batch: Comparison) -> Rows:
        vectors = batch.completed.features(self._network).vectors
        assert vectors is not None
        rows: Rows = vectors.cpu().double().numpy()
        return rows


class FeatureMetric(VectorMetric, SetMetric):
    """A metric of two sets of feature vectors."""


class Frechet(FeatureMetric):
    """|difference of means|² + trace(S + T - 2 (S T)^½) of the two sets' covariances S and T."""

    def __init__(self, network: MetricNetwork) -> None:
        super().__init__("FID" if network.name == "inception" else "frechet", network)

    def score(self, rows: Rows, truth: Rows) -> float:
        return frechet_distance(rows, truth)

    def note(self, rows: Rows) -> str:
        images, dim = rows.shape
        few = f"{images} images for {dim} features: biased upwards, compare at the same number of images only"
        return few if images <= 10 * dim else ""


def frechet_distance(a: Rows, b: Rows) -> float:
    """Fréchet distance of Gaussians fitted to two sets of vectors [N, D] and [M, D], N and M at least 2.

    The trace of (S T)^½ is the sum of the singular values of A Bᵀ, where A and B are the centred sets over the square
    roots of N - 1 and M - 1: no square root of a matrix, so that singular covariances (N ≤ D) cost neither accuracy nor
    time, which the library's eigenvalues of D×D matrices would, some twenty times for each interval.
    """
    centred = [(x - x.mean(axis=0)) / np.sqrt(len(x) - 1) for x in (a, b)]
    # Where N > D the D×D triangle of a QR decomposition stands for the set.
    first, second = (np.asarray(np.linalg.qr(x, mode="r")) if len(x) > x.shape[1] else x for x in centred)
    cross = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    means = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    # Rounding may give slightly less than 0 for equal sets.
    return max(0.0, float(means + sum(np.square(x).sum() for x in centred) - 2 * cross))


SUBSETS, SUBSET = 100, 1000


class Kernel(FeatureMetric):
    """Unbiased squared maximum mean discrepancy under the kernel (x·y / D + 1)³.

    Of all pictures at once up to `SUBSET`; of more the mean over `SUBSETS` random subsets of so many, as the paper has
    it: the kernel's matrix of all would grow with the square of their number.
    """

    min_images = 20

    def __init__(self, network: MetricNetwork) -> None:
        super().__init__("KID" if network.name == "inception" else "kernel", network)
        require("torchmetrics.image.kid")

    def score(self, rows: Rows, truth: Rows) -> float:
        distance = require("torchmetrics.image.kid").poly_mmd
        if max(len(rows), len(truth)) <= SUBSET:
            return float(distance(torch.from_numpy(truth), torch.from_numpy(rows)))
        rng = np.random.default_rng(0)
        # Drawn anew for each set: rows that belong together have no meaning here.
        drawn = ([x[rng.permutation(len(x))[:SUBSET]] for x in (truth, rows)] for _ in range(SUBSETS))
        return float(np.mean([float(distance(*map(torch.from_numpy, pair))) for pair in drawn]))

    def note(self, rows: Rows) -> str:
        return f"mean of {SUBSETS} random subsets of {SUBSET} images" if len(rows) > SUBSET else ""


class _Discriminative(FeatureMetric):
    better = "higher"

    def __init__(self, name: str, network: MetricNetwork) -> None:
        super().__init__(name, network)
        require("sklearn.svm")

    def shortfall(self, measurements: Measurements) -> str | None:
        images, dim = measurements.rows.shape
        # 2N points in fewer than N dimensions: any two sets would do for a plane to lie between them (Cover 1965).
        few = f"{images} images, needs more than {2 * dim}, as its halves are to exceed the {dim} features"
        return None if images > 2 * dim else few


class UIDS(_Discriminative):
    """Share of pictures on the wrong side of the plane: 0 = separable, 0.5 = indistinguishable."""

    def __init__(self, network: MetricNetwork) -> None:
        super().__init__("U-IDS", network)

    def score(self, rows: Rows, truth: Rows) -> float:
        completed, true = decisions(rows, truth)
        return float(1 - ((completed <= 0).mean() + (true > 0).mean()) / 2)


class PIDS(_Discriminative):
    """Share of completed pictures that are classified as more real than their own truth: 0 = none, 0.5 = half."""

    def __init__(self, network: MetricNetwork) -> None:
        super().__init__("P-IDS", network)

    def score(self, rows: Rows, truth: Rows) -> float:
        completed, true = decisions(rows, truth)
        return float((completed > true).mean())


def decisions(rows: Rows, truth: Rows) -> tuple[Rows, Rows]:
    """Signed distances [N] and [M] from the plane of a linear support vector machine; positive = classified as real.

    Args:
        rows: Features of completed pictures [N, D].
        truth: Features of true pictures [M, D].
    """
    machine = require("sklearn.svm").LinearSVC(dual=False)
    machine.fit(np.concatenate([rows, truth]), np.repeat([0, 1], [len(rows), len(truth)]))
    return machine.decision_function(rows), machine.decision_function(truth)

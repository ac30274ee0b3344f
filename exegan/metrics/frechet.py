"""Fréchet distance of Gaussians (Heusel et al. 2017); FID where the features are Inception's."""

from __future__ import annotations

import numpy as np

from exegan.metrics.comparison import Rows
from exegan.metrics.networks import MetricNetwork
from exegan.metrics.set_features import OfFeatures


class Frechet(OfFeatures):
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
    # Rounding may leave a hair below 0 for equal sets.
    return max(0.0, float(means + sum(np.square(x).sum() for x in centred) - 2 * cross))

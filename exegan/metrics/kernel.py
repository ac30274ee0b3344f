"""Kernel distance (Bińkowski et al. 2018), torchmetrics'; KID where the features are Inception's."""

from __future__ import annotations

import numpy as np
import torch

from exegan.metrics.base import require
from exegan.metrics.comparison import Rows
from exegan.metrics.networks import MetricNetwork
from exegan.metrics.set_features import OfFeatures

SUBSETS, SUBSET = 100, 1000


class Kernel(OfFeatures):
    """Unbiased squared maximum mean discrepancy under the kernel (x·y / D + 1)³.

    Of all pictures at once up to `SUBSET`; of more the mean over `SUBSETS` random subsets of so many, as the paper has
    it: the kernel's matrix of all would grow with the square of their number.
    """

    fewest = 20

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

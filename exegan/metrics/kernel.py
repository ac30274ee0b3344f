"""Kernel distance (Bińkowski et al. 2018), torchmetrics'; KID where the features are Inception's."""

from __future__ import annotations

import torch

from exegan.metrics.base import require
from exegan.metrics.comparison import Rows
from exegan.metrics.networks import MetricNetwork
from exegan.metrics.set_features import OfFeatures


class Kernel(OfFeatures):
    """Unbiased squared maximum mean discrepancy under the kernel (x·y / D + 1)³, of all pictures at once."""

    fewest = 20

    def __init__(self, network: MetricNetwork) -> None:
        super().__init__("KID" if network.name == "inception" else "kernel", network)
        require("torchmetrics.image.kid")

    def score(self, rows: Rows, truth: Rows) -> float:
        module = require("torchmetrics.image.kid")
        return float(module.poly_mmd(torch.from_numpy(truth), torch.from_numpy(rows)))

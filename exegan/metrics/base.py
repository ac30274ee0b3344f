"""The protocol of metrics.

A metric measures batches of completed pictures beside the truth (`Metric.measure`: `Comparison` → rows of numbers that
are kept on disk), and estimates one value with a 95 % interval from the rows of all pictures (`Metric.estimate`:
`Measurements` → `Estimate`). `PerImageMetric` resamples the values of single pictures, `SetMetric` halves of a set.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exegan.errors import require_package
from exegan.io import to_tensor

Pictures = NDArray[np.uint8]
Rows = NDArray[np.float64]
Better = Literal["lower", "higher", "zero"]
Need = Literal["mask", "second", "exemplar"]
RESAMPLES = 1000
HALVES = 20


class Metric(ABC):
    """One metric. Every one has this signature, so that the runner knows none of them by name.

    Args:
        name: With feature network and resize method, where it has them.
        better: Which way is good; `zero` for what should vanish.
        rows_key: Metrics of the same key share the rows that `measure` gives.
        needs: What `measure` or `estimate` needs beside completed picture and truth.
        single_image: `measure` uses the completed picture alone, so that it can be applied to any picture.
        network: Name of the network whose features it compares, if any.
        trained_on: That network was part of the model's training.
        min_images: Pictures needed.
    """

    better: Better = "lower"
    needs: frozenset[Need] = frozenset()
    single_image = False
    network: str | None = None
    trained_on = False
    min_images = 2

    def __init__(self, name: str, rows_key: str | None = None) -> None:
        self.name = name
        self.rows_key = rows_key or name

    @abstractmethod
    def measure(self, batch: Comparison) -> Rows:
        """[B, D], a row for each picture that depends on no other."""

    @abstractmethod
    def estimate(self, measurements: Measurements, seed: int) -> Estimate:
        """Value and interval; `seed` draws the resamples."""

    def shortfall(self, measurements: Measurements) -> str | None:
        """Why there is too little to estimate from, as a clause; None where there is enough."""
        images = len(measurements.rows)
        return None if images >= self.min_images else f"{images} images, needs {self.min_images}"

    def describe(self) -> dict[str, Any]:
        """JSON-ready facts."""
        return {"better": self.better, "network": self.network, "trained_on": self.trained_on}


class PerImageMetric(Metric):
    """A metric that has a value for each picture; the mean is reported."""

    @abstractmethod
    def values(self, measurements: Measurements) -> NDArray[np.float64]:
        """[N]; NaN where the metric does not apply to a picture, which is then left out."""

    def estimate(self, measurements: Measurements, seed: int) -> Estimate:
        """Mean and percentiles 2.5 and 97.5 of the means of resamples drawn with replacement."""
        values = self.values(measurements)
        values = values[~np.isnan(values)]
        value = float(values.mean())
        drawn = np.random.default_rng(seed).integers(0, len(values), size=(RESAMPLES, len(values)))
        low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
        return Estimate(value, float(low), float(high), len(values))

    def shortfall(self, measurements: Measurements) -> str | None:
        return super().shortfall(Measurements(measurements.rows[~np.isnan(self.values(measurements))]))


class ScalarMetric(PerImageMetric):
    """A metric whose rows are its values."""

    def values(self, measurements: Measurements) -> NDArray[np.float64]:
        """The only number of each row."""
        return measurements.rows[:, 0]


class SetMetric(Metric):
    """A metric that has one value for a whole set of pictures beside the set of the true ones."""

    single_image = True
    min_images = 10

    @abstractmethod
    def score(self, rows: Rows, truth: Rows) -> float:
        """Value of completed pictures [N, D] beside the true ones [N, D], which belong together row by row."""

    def estimate(self, measurements: Measurements, seed: int) -> Estimate:
        """Score of all, and 1.96 standard deviations of the scores of random halves to either side.

        The spread of a statistic over halves drawn without replacement is that of the statistic of the whole set
        (Shao and Wu 1989, the delete-half jackknife), while its level may be that of a smaller set; so only the spread
        is taken from the halves.
        """
        if measurements.truth is None:
            raise ValueError(f"{self.name} needs the rows of the true pictures")
        rows, truth, rng = measurements.rows, measurements.truth, np.random.default_rng(seed)
        value = self.score(rows, truth)
        halves = [rng.permutation(len(rows))[: len(rows) // 2] for _ in range(HALVES)]
        spread = float(np.std([self.score(rows[half], truth[half]) for half in halves], ddof=1))
        return Estimate(value, value - 1.96 * spread, value + 1.96 * spread, len(rows), self.note(rows))

    def note(self, rows: Rows) -> str:
        """What to know about a value from so many rows; often nothing."""
        return ""


@dataclass(frozen=True)
class Comparison:
    """Completed pictures beside the truth.

    Args:
        completed: B pictures.
        truth: The true ones, of the same size.
        mask: Bool [B, H, W], True = hole; None where it is not known.
        second: Other completions of the same holes, from other random numbers; None where there are none.
    """

    completed: ImageBatch
    truth: ImageBatch
    mask: NDArray[np.bool_] | None = None
    second: ImageBatch | None = None

    @cached_property
    def difference(self) -> NDArray[np.float64]:
        """`completed - truth` [B, H, W, 3], in levels of 0..255."""
        return self.completed.pixels.astype(np.float64) - self.truth.pixels

    @property
    def hole(self) -> NDArray[np.bool_]:
        """The mask, for metrics that need it."""
        if self.mask is None:
            raise ValueError("this metric needs a mask; the runner leaves it out where there is none")
        return self.mask


class ImageBatch:
    """Pictures as stored, 8-bit RGB [B, H, W, 3], and their features, which each network computes once."""

    def __init__(self, pixels: Pictures) -> None:
        self.pixels = pixels
        self._features: dict[str, Features] = {}

    def features(self, network: Network) -> Features:
        """A network's features of the pictures."""
        if network.key not in self._features:
            with torch.no_grad():
                self._features[network.key] = network.extract(to_tensor(list(self.pixels)))
        return self._features[network.key]


@dataclass(frozen=True)
class Features:
    """What a network computes from pictures; one of the two may be missing.

    Args:
        maps: Feature maps [B, C_l, H_l, W_l], for perceptual distances.
        vectors: One feature vector for each picture [B, D].
    """

    maps: list[Tensor] = field(default_factory=list)
    vectors: Tensor | None = None


class Network(Protocol):
    """A network for metrics; `key` distinguishes networks and their weights."""

    @property
    def key(self) -> str: ...

    def extract(self, image: Tensor) -> Features:
        """Features of pictures [B, 3, H, W] in [-1, 1]."""


@dataclass(frozen=True)
class Measurements:
    """What `Metric.measure` gave for N pictures, and, for metrics of single pictures, for those they belong to.

    Args:
        rows: [N, D] of the completed pictures.
        truth: [N, D] of the true ones; None unless `Metric.single_image`.
        exemplar: [N, D] of the exemplars; None where there are none.
        other: [N, D] of another, random face for each; None where there is none.
    """

    rows: Rows
    truth: Rows | None = None
    exemplar: Rows | None = None
    other: Rows | None = None


@dataclass(frozen=True)
class Estimate:
    """A metric's value with its 95 % interval [low, high], of how many pictures, and what to know about it."""

    value: float
    low: float
    high: float
    images: int
    note: str = ""


def as_rows(*values: NDArray[np.float64]) -> Rows:
    """Numbers [B] side by side → rows [B, len(values)]."""
    return np.stack(values, axis=1).astype(np.float64)


def mean_in_hole(values: NDArray[np.float64], hole: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean over the hole's pixels of each picture; [B, H, W] → [B], NaN where there is no hole."""
    return np.array([part[mask].mean() if mask.any() else math.nan for part, mask in zip(values, hole, strict=True)])


def require(package: str) -> ModuleType:
    """A package of the extra `evaluate`; errors as for `exegan.errors.require_package`."""
    return require_package(package, "the extra: pip install 'exegan[evaluate]'")

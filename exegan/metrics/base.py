"""What a metric is: comparisons of completed pictures with the truth, intervals by resampling, the protocol."""

from __future__ import annotations

import importlib
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

from exegan.errors import ConfigError
from exegan.io import to_tensor

Pictures = NDArray[np.uint8]
Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """What a network sees in pictures: `maps` for perceptual distances, `features` [B, D]; one may be missing."""

    maps: list[Tensor] = field(default_factory=list)
    features: Tensor | None = None


class Network(Protocol):
    """A network for metrics; `key` tells networks and their weights apart."""

    @property
    def key(self) -> str: ...

    def look(self, image: Tensor) -> Look:
        """At pictures [B, 3, H, W] in [-1, 1]."""


class Shown:
    """Pictures as stored, 8-bit RGB [B, H, W, 3], and what networks saw in them, each of which looks once."""

    def __init__(self, pixels: Pictures) -> None:
        self.pixels = pixels
        self._looks: dict[str, Look] = {}

    def through(self, network: Network) -> Look:
        """What a network sees."""
        if network.key not in self._looks:
            with torch.no_grad():
                self._looks[network.key] = network.look(to_tensor(list(self.pixels)))
        return self._looks[network.key]


@dataclass(frozen=True)
class Comparison:
    """Completed pictures beside the truth.

    Args:
        completed: B pictures.
        truth: The true ones, of the same size.
        mask: Bool [B, H, W], True = hole; None where it is not known.
        second: Other completions of the same holes, from other random numbers; None where there are none.
    """

    completed: Shown
    truth: Shown
    mask: NDArray[np.bool_] | None = None
    second: Shown | None = None

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


def columns(*values: NDArray[np.float64]) -> Rows:
    """Numbers [B] side by side → rows [B, len(values)]."""
    return np.stack(values, axis=1).astype(np.float64)


def mean_in_hole(values: NDArray[np.float64], hole: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean over the hole's pixels of each picture; [B, H, W] → [B], NaN where there is no hole."""
    return np.array([part[mask].mean() if mask.any() else math.nan for part, mask in zip(values, hole, strict=True)])


Better = Literal["lower", "higher", "zero"]
Need = Literal["mask", "second", "exemplar"]


@dataclass(frozen=True)
class Evidence:
    """What `Metric.measure` gave for N pictures, and, for metrics of single pictures, for those they belong to.

    Args:
        rows: [N, D] of the completed pictures.
        truth: [N, D] of the true ones; None unless `Metric.of_one`.
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


class Metric(ABC):
    """One metric. Every one has this signature, so that the runner knows none of them by name.

    Args:
        name: With feature network and resize method, where it has them.
        better: Which way is good; `zero` for what should vanish.
        rows_key: Metrics of the same key share the rows that `measure` gives.
        needs: What `measure` or `estimate` needs beside completed picture and truth.
        of_one: `measure` looks at the completed picture alone, so that it can be asked about any picture.
        network: Name of the network it looks through, if any.
        trained_on: That network was part of the model's training.
        fewest: Pictures needed.
    """

    better: Better = "lower"
    needs: frozenset[Need] = frozenset()
    of_one = False
    network: str | None = None
    trained_on = False
    fewest = 2

    def __init__(self, name: str, rows_key: str | None = None) -> None:
        self.name = name
        self.rows_key = rows_key or name

    @abstractmethod
    def measure(self, batch: Comparison) -> Rows:
        """[B, D], a row for each picture that depends on no other."""

    @abstractmethod
    def estimate(self, evidence: Evidence, seed: int) -> Estimate:
        """Value and interval; `seed` draws the resamples."""

    def shortfall(self, evidence: Evidence) -> str | None:
        """Why there is too little to estimate from, as a clause; None where there is enough."""
        images = len(evidence.rows)
        return None if images >= self.fewest else f"{images} images, needs {self.fewest}"

    def described(self) -> dict[str, Any]:
        """JSON-ready facts."""
        return {"better": self.better, "network": self.network, "trained_on": self.trained_on}


def require(package: str) -> ModuleType:
    """A package of the extra `evaluate`.

    Raises:
        ConfigError: It cannot be imported.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ConfigError(
            f"the package {package} cannot be imported ({error}); install the extra: pip install 'exegan[evaluate]'"
        ) from error


RESAMPLES = 1000
HALVES = 20


class PerPicture(Metric):
    """A metric that has a value for each picture; the mean is reported."""

    @abstractmethod
    def values(self, evidence: Evidence) -> NDArray[np.float64]:
        """[N]; NaN where the metric does not apply to a picture, which is then left out."""

    def estimate(self, evidence: Evidence, seed: int) -> Estimate:
        """Mean and percentiles 2.5 and 97.5 of the means of resamples drawn with replacement."""
        values = self.values(evidence)
        values = values[~np.isnan(values)]
        value = float(values.mean())
        drawn = np.random.default_rng(seed).integers(0, len(values), size=(RESAMPLES, len(values)))
        low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
        return Estimate(value, float(low), float(high), len(values))

    def shortfall(self, evidence: Evidence) -> str | None:
        return super().shortfall(Evidence(evidence.rows[~np.isnan(self.values(evidence))]))


class FirstColumn(PerPicture):
    """A metric whose rows are its values."""

    def values(self, evidence: Evidence) -> NDArray[np.float64]:
        """The only number of each row."""
        return evidence.rows[:, 0]


class OfSet(Metric):
    """A metric that has one value for a whole set of pictures beside the set of the true ones."""

    of_one = True
    fewest = 10

    @abstractmethod
    def score(self, rows: Rows, truth: Rows) -> float:
        """Value of completed pictures [N, D] beside the true ones [N, D], which belong together row by row."""

    def estimate(self, evidence: Evidence, seed: int) -> Estimate:
        """Score of all, and 1.96 standard deviations of the scores of random halves to either side.

        The spread of a statistic over halves drawn without replacement is that of the statistic of the whole set
        (Shao and Wu 1989, the delete-half jackknife), while its level may be that of a smaller set; so only the spread
        is taken from the halves.
        """
        if evidence.truth is None:
            raise ValueError(f"{self.name} needs the rows of the true pictures")
        rows, truth, rng = evidence.rows, evidence.truth, np.random.default_rng(seed)
        value = self.score(rows, truth)
        halves = [rng.permutation(len(rows))[: len(rows) // 2] for _ in range(HALVES)]
        spread = float(np.std([self.score(rows[half], truth[half]) for half in halves], ddof=1))
        return Estimate(value, value - 1.96 * spread, value + 1.96 * spread, len(rows), self.note(rows))

    def note(self, rows: Rows) -> str:
        """What to know about a value from so many rows; often nothing."""
        return ""

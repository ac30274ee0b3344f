"""What every metric is: rows of numbers for each picture, and an estimate with an interval for all of them."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from exegan.errors import ConfigError
from exegan.metrics.comparison import Comparison, Rows

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

"""95 % intervals: the bootstrap for means of pictures, half subsets for what is a number of a whole set."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from exegan.metrics.base import Estimate, Evidence, Metric
from exegan.metrics.comparison import Rows

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

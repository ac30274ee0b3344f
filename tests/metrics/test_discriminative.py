"""P-IDS and U-IDS of sets whose scores are known, and beside scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import network
from sklearn.svm import LinearSVC

from exegan.metrics.base import Measurements
from exegan.metrics.distributions import PIDS, UIDS

NET = network("mobilefacenet")


def test_separable_sets_score_zero() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 4))
    assert UIDS(NET).score(rows + 20, rows) == 0
    assert PIDS(NET).score(rows + 20, rows) == 0


def test_identical_sets_cannot_be_told_apart() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 4))
    assert UIDS(NET).score(rows, rows) == pytest.approx(0.5)
    # Not half: no picture looks truer than itself.
    assert PIDS(NET).score(rows, rows) == 0


def test_sets_from_one_source_are_nearly_as_good() -> None:
    rng = np.random.default_rng(0)
    completed, truth = rng.normal(size=(400, 4)), rng.normal(size=(400, 4))
    assert PIDS(NET).score(completed, truth) == pytest.approx(0.5, abs=0.1)
    assert UIDS(NET).score(completed, truth) == pytest.approx(0.5, abs=0.1)


def test_is_what_scikit_learn_says() -> None:
    rng = np.random.default_rng(0)
    completed, truth = rng.normal(size=(80, 4)) + 0.5, rng.normal(size=(80, 4))
    labels = np.repeat([0, 1], 80)
    both = np.concatenate([completed, truth])
    machine = LinearSVC(dual=False).fit(both, labels)
    assert UIDS(NET).score(completed, truth) == pytest.approx(1 - machine.score(both, labels))
    scores = machine.decision_function(both)
    assert PIDS(NET).score(completed, truth) == np.mean(scores[:80] > scores[80:])


def test_too_few_images_are_said() -> None:
    few = Measurements(np.zeros((8, 4)), np.zeros((8, 4)))
    assert "8 images, needs more than 8" in str(UIDS(NET).shortfall(few))
    assert UIDS(NET).shortfall(Measurements(np.zeros((9, 4)))) is None

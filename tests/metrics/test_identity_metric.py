"""Identity and the exemplar's effect."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import compare, network, pictures

from exegan.metrics.base import Measurements
from exegan.metrics.similarity import ExemplarEffect, ExemplarPreferred, Identity

NET = network("mobilefacenet")
AXES = np.eye(4)[:3]


def test_a_picture_is_itself() -> None:
    metric = Identity(NET, "truth")
    rows = metric.measure(compare(pictures(), pictures()))
    np.testing.assert_allclose(metric.values(Measurements(rows, truth=rows)), 1)


def test_known_angles() -> None:
    half = np.array([[1.0, 1, 0, 0], [0, 2, 0, 0], [0, 0, -1, 0]])
    np.testing.assert_allclose(Identity(NET, "exemplar").values(Measurements(half, exemplar=AXES)), [0.5**0.5, 1, -1])


def test_effect_is_likeness_beyond_that_to_another() -> None:
    measurements = Measurements(AXES, exemplar=AXES, other=np.roll(AXES, 1, axis=0))
    assert ExemplarEffect(NET).estimate(measurements, 0).value == 1
    nothing = Measurements(AXES, exemplar=AXES, other=AXES)
    assert ExemplarEffect(NET).estimate(nothing, 0).value == 0


def test_how_often_the_exemplar_wins() -> None:
    measurements = Measurements(AXES[[0, 1, 2, 2]], exemplar=AXES[[0, 1, 2, 0]], other=AXES[[1, 1, 0, 2]])
    assert ExemplarPreferred(NET).values(measurements).tolist() == [1, 0.5, 1, 0]
    assert ExemplarPreferred(NET).estimate(measurements, 0).value == 0.625


def test_missing_rows_are_not_taken_for_anything() -> None:
    with pytest.raises(ValueError, match="missing"):
        Identity(NET, "exemplar").values(Measurements(AXES))

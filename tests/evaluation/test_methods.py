"""Baselines fill the hole from known pixels alone."""

from __future__ import annotations

import numpy as np
import pytest

from exegan.errors import InputError
from exegan.evaluation.methods import BASELINES, biharmonic, choose_baselines, mean_colour, telea


def truth() -> np.ndarray:
    ramp = np.linspace(0, 200, 32)[None, :, None] * np.ones((32, 1, 3))
    return ramp.astype(np.uint8)


def hole() -> np.ndarray:
    mask = np.zeros((32, 32), dtype=bool)
    mask[10:20, 12:22] = True
    return mask


@pytest.mark.parametrize("baseline", BASELINES.values(), ids=lambda baseline: baseline.name)
def test_the_hole_has_no_influence(baseline: object) -> None:
    spoilt = np.where(hole()[..., None], 77, truth()).astype(np.uint8)
    fill = baseline.fill  # type: ignore[attr-defined]
    np.testing.assert_array_equal(fill(spoilt, hole())[hole()], fill(truth(), hole())[hole()])


def test_mean_colour() -> None:
    assert (mean_colour(truth(), hole()) == truth()[~hole()].mean(axis=0).round()).all()
    assert (mean_colour(truth(), np.ones((32, 32), dtype=bool)) == 128).all()


def test_telea_continues_a_ramp() -> None:
    error = np.abs(telea(truth(), hole()).astype(int) - truth())[hole()]
    flat = np.abs(mean_colour(truth(), hole()).astype(int) - truth())[hole()]
    assert error.mean() < flat.mean() / 2 and error.max() < 30


def test_biharmonic_continues_a_ramp() -> None:
    assert np.abs(biharmonic(truth(), hole()).astype(int) - truth()).max() <= 2
    assert (biharmonic(truth(), np.ones((32, 32), dtype=bool)) == 128).all()


def test_baselines_are_chosen_by_name() -> None:
    assert [one.name for one in choose_baselines(["biharmonic", "telea", "telea"])] == ["biharmonic", "telea"]
    with pytest.raises(InputError, match="no baseline 'kriging'; choose from mean-colour, telea, biharmonic"):
        choose_baselines(["kriging"])

"""The model as a method: nothing of the truth inside the hole reaches it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from helpers import tiny_model_config
from numpy.typing import NDArray

from exegan.evaluation.completing import draw_at, fill_pasted, fill_raw, shrink_known
from exegan.inpainter import Inpainter
from exegan.nets.model import Model
from exegan.nets.runtime import TorchNetworks
from exegan.ops.resample import resize


def inpainter() -> Inpainter:
    return Inpainter(TorchNetworks(Model(tiny_model_config(16)).eval().requires_grad_(False)), torch.device("cpu"))


def hole(side: int) -> torch.Tensor:
    mask = torch.zeros(1, 1, side, side)
    mask[..., 5:21, 9:30] = 1
    return mask


@pytest.mark.parametrize("fill", [fill_pasted, fill_raw])
def test_the_hole_has_no_influence_and_the_rest_stays(fill: Callable[..., NDArray[np.uint8]]) -> None:
    rng = np.random.default_rng(0)
    picture, other = (rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(2))
    mask, exemplar, model = hole(64)[0, 0].numpy() == 1, torch.rand(1, 3, 64, 64) * 2 - 1, inpainter()

    def completed(image: NDArray[np.uint8], seed: int = 3) -> NDArray[np.uint8]:
        return fill(image, mask, draw_at(model, [image], [mask], exemplar, [seed])[0])

    np.testing.assert_array_equal(completed(np.where(mask[..., None], other, picture)), completed(picture))
    np.testing.assert_array_equal(completed(picture)[~mask], picture[~mask])
    assert (completed(picture, 4) != completed(picture)).any()


def test_pasting_leaves_no_step_at_the_rim() -> None:
    """A drawn picture that is a little too dark shows a step when put in as it is, and none when pasted."""
    picture = np.full((64, 64, 3), 200, dtype=np.uint8)
    mask, drawn = hole(64)[0, 0].numpy() == 1, torch.full((3, 16, 16), 0.4)
    raw, pasted = (fill(picture, mask, drawn).astype(int)[5, 15, 0] for fill in (fill_raw, fill_pasted))
    assert abs(raw - 200) > 15 and abs(pasted - 200) < 5


def test_shrinking_without_a_hole_is_resizing() -> None:
    image = torch.rand(1, 3, 64, 64) * 2 - 1
    small, mask = shrink_known(image, torch.zeros(1, 1, 64, 64), 16)
    torch.testing.assert_close(small, resize(image, 16))
    assert not mask.any()


def test_a_pixel_that_is_partly_hole_is_hole() -> None:
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 17, 42] = 1
    _, small = shrink_known(torch.zeros(1, 3, 64, 64), mask, 16)
    assert small.nonzero().tolist() == [[0, 0, 4, 10]]


def test_known_colour_survives_beside_the_hole() -> None:
    mask = hole(64)
    image = torch.where(mask == 1, -1.0, 0.5).expand(1, 3, 64, 64)
    small, small_mask = shrink_known(image, mask, 16)
    torch.testing.assert_close(small * (1 - small_mask), 0.5 * (1 - small_mask).expand_as(small))


def test_larger_models_get_larger_pictures() -> None:
    small, mask = shrink_known(torch.zeros(1, 3, 8, 8), torch.ones(1, 1, 8, 8), 16)
    assert small.shape == (1, 3, 16, 16) and mask.all()

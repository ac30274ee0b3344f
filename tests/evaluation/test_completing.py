"""The model as a method: nothing of the truth inside the hole reaches it."""

from __future__ import annotations

import torch
from helpers import tiny_model_config

from exegan.evaluation.completing import complete_at, shrink_known
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


def test_the_hole_has_no_influence_and_the_rest_stays() -> None:
    image, mask, exemplar = torch.rand(1, 3, 64, 64) * 2 - 1, hole(64), torch.rand(1, 3, 64, 64) * 2 - 1
    model = inpainter()
    completed = complete_at(model, image, mask, exemplar, [3])
    other = torch.where(mask == 1, torch.rand_like(image), image)
    assert torch.equal(complete_at(model, other, mask, exemplar, [3]), completed)
    assert torch.equal(completed * (1 - mask), image * (1 - mask))
    assert not torch.equal(complete_at(model, image, mask, exemplar, [4]), completed)


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

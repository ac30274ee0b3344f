"""The moving average: closed form of the decay, its pace in images, and what it leaves alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from exegan.training.step import decay_for, make_average, update_average


def test_half_life() -> None:
    weight = 1.0
    for step in range(100):
        weight *= decay_for(64, images_seen=step * 64, half_life_kimg=0.64, rampup=0.0)
    assert weight == pytest.approx(0.5**10)
    assert decay_for(64, 10**6, 5.66, 0.05) == pytest.approx(0.9922, abs=1e-4)


@pytest.mark.parametrize("rampup", [0.0, 0.05])
def test_pace_is_that_of_images_not_of_batches(rampup: float) -> None:
    small = decay_for(8, 10**6, 10.0, rampup)
    assert small**4 == pytest.approx(decay_for(32, 10**6, 10.0, rampup))


@pytest.mark.parametrize(
    ("seen", "half_life"), [(1000, 50), (100_000, 5000), (200_000, 10_000), (10**7, 10_000), (0, 1e-8)]
)
def test_ramp_up_shortens_the_half_life(seen: int, half_life: float) -> None:
    assert decay_for(16, seen, half_life_kimg=10.0, rampup=0.05) == pytest.approx(0.5 ** (16 / half_life))
    assert decay_for(16, seen, half_life_kimg=10.0, rampup=0.0) == pytest.approx(0.5 ** (16 / 10_000))


def test_no_half_life_copies() -> None:
    assert decay_for(16, 1000, half_life_kimg=0.0, rampup=0.0) == 0


def test_average_follows_the_closed_form() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    average = make_average(module)
    start, target = module[0].weight.detach().clone(), torch.full((3, 2), 5.0)
    with torch.no_grad():
        module[0].weight.copy_(target)
        module[1].running_mean.fill_(7)
        module[1].num_batches_tracked.fill_(9)
    for _ in range(10):
        update_average(average, module, decay=0.8)
    torch.testing.assert_close(average[0].weight, target + 0.8**10 * (start - target))
    assert (average[1].running_mean == 7).all() and average[1].num_batches_tracked == 9, "buffers are copied"
    assert torch.equal(module[0].weight, target), "the module itself stays"


def test_average_is_a_frozen_copy_in_evaluation_mode() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train()
    average = make_average(module)
    assert module.training and not any(part.training for part in average.modules())
    assert all(weight.requires_grad for weight in module.parameters())
    assert not any(weight.requires_grad for weight in average.parameters())
    assert average[0].weight.data_ptr() != module[0].weight.data_ptr()
    update_average(average, module, decay=0.0)
    assert torch.equal(average[0].weight, module[0].weight) and not average[0].weight.requires_grad


def test_what_is_frozen_is_shared_and_the_rest_is_not() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2).requires_grad_(False).eval())
    average = make_average(module)
    assert average[1] is module[1] and average[0] is not module[0]
    assert all(weight.requires_grad for weight in module[0].parameters())
    before = module[1].weight.clone()
    update_average(average, module, decay=0.3)
    assert torch.equal(module[1].weight, before)

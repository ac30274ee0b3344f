"""A face that is its own exemplar, changed: never the same, still that face, reproducible."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from exegan.data.jitter import jitter


def make_face() -> Tensor:
    """A smooth picture, bright on its left."""
    ramp = torch.linspace(0.5, -0.5, 32).expand(3, 32, 32)
    return ramp + torch.tensor([0.1, 0.0, -0.1])[:, None, None]


def draw(seed: int, mirror: bool = False) -> Tensor:
    return jitter(make_face(), np.random.default_rng(seed), mirror)


def test_a_generator_s_state_decides() -> None:
    assert torch.equal(draw(1), draw(1)) and not torch.equal(draw(1), draw(2))
    assert draw(1).shape == (3, 32, 32) and draw(1).dtype == torch.float32


def test_result_is_a_picture_near_the_face() -> None:
    drawn = torch.stack([draw(seed) for seed in range(200)])
    assert drawn.min() >= -1 and drawn.max() <= 1
    change = drawn - make_face()
    assert 0.02 < change.mean(dim=(1, 2, 3)).std() < 0.2, "the light varies"
    assert change.mean().abs() < 0.03, "and is right on average"
    assert change.std(dim=(1, 2, 3)).min() > 1e-3, "no face stays as it is"


def test_half_of_the_faces_are_mirrored_where_that_is_wanted() -> None:
    def mirrored(mirror: bool) -> float:
        drawn = torch.stack([draw(seed, mirror) for seed in range(200)])
        return float((drawn[..., :8].mean(dim=(1, 2, 3)) < drawn[..., -8:].mean(dim=(1, 2, 3))).float().mean())

    assert mirrored(False) == 0 and 0.4 < mirrored(True) < 0.6

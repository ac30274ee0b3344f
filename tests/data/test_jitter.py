"""A face that is its own exemplar, changed: never the same, still that face, reproducible."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from exegan.data.jitter import _turned_head, another_photo, as_photographed, jitter


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


def faces_drawn(change: str, count: int = 60) -> Tensor:
    """A textured face, changed many times."""
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    face = torch.stack([0.5 * torch.sin(9 * columns), 0.5 * torch.sin(7 * rows), 0.3 * torch.sin(8 * (rows + columns))])
    if change == "another":
        return torch.stack([another_photo(face, np.random.default_rng(seed), False) for seed in range(count)])
    return torch.stack([as_photographed(face, np.random.default_rng(seed)) for seed in range(count)])


@pytest.mark.parametrize("change", ["another", "photographed"])
def test_changed_faces_are_reproducible_pictures(change: str) -> None:
    drawn = faces_drawn(change)
    assert torch.equal(drawn, faces_drawn(change)), "the generator's state decides"
    assert drawn.shape == (60, 3, 64, 64) and drawn.dtype == torch.float32
    assert drawn.isfinite().all() and drawn.min() >= -1 and drawn.max() <= 1
    assert len({one.numpy().tobytes() for one in drawn}) > 40


def test_a_quarter_of_the_photos_stay_clean() -> None:
    drawn = faces_drawn("photographed", 200)
    _, counts = np.unique([one.numpy().tobytes() for one in drawn], return_counts=True)
    assert 30 <= counts.max() <= 70


def test_a_head_turns_and_its_frame_stays() -> None:
    """The warp moves what is inside by some hundredths of the side, smoothly, and nothing at the picture's rim."""
    steps = torch.linspace(0, 1, 65)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    places = torch.stack([x, y, torch.zeros_like(x)])
    moved = torch.stack([_turned_head(places, np.random.default_rng(seed)) for seed in range(40)])
    shift = (moved - places)[:, :2]
    inside, corner = shift[..., 24:48, 16:48].abs().amax(dim=(1, 2, 3)), shift[..., [0, 0, -1, -1], [0, -1, 0, -1]]
    assert 0.01 < inside.median() < 0.08 and inside.max() < 0.15
    assert corner.abs().max() < 0.03
    assert (moved[:, 0].diff(dim=2)[..., 2:-2, 2:-2] > 0).float().mean() > 0.999, "it folds nowhere"

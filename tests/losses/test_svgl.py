"""The spatially variant gradient layer and its weight maps. The golden test has the exact values of the maps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from helpers import assert_close
from torch import Tensor
from torch.autograd.gradcheck import GradcheckError

from exegan.losses.svgl import boundary_weight, interior_weight, kernel_side, rim_weight, weight_gradient

MAPS = pytest.mark.parametrize("make_map", [boundary_weight, interior_weight])
MakeMap = Callable[[Tensor], Tensor]


def disc(resolution: int, radius: float = 0.4) -> Tensor:
    """A round hole in the middle; the radius is a share of the side."""
    axis = (torch.arange(resolution) + 0.5) / resolution - 0.5
    return (axis[:, None].square() + axis.square() < radius**2).float()[None, None]


def noise(resolution: int = 64, batch: int = 3) -> Tensor:
    """Holes of large patches at random places."""
    patches = (torch.rand(batch, 1, 8, 8) < 0.5).float()
    return F.interpolate(patches, size=(resolution, resolution), mode="nearest")


@pytest.mark.parametrize(
    ("resolution", "side"), [(16, 5), (32, 9), (64, 17), (128, 33), (256, 65), (512, 131), (1024, 261)]
)
def test_kernel_grows_with_the_picture(resolution: int, side: int) -> None:
    assert kernel_side(resolution) == side


@MAPS
@pytest.mark.parametrize("resolution", [16, 64, 256])
def test_range_and_support(make_map: MakeMap, resolution: int) -> None:
    mask = noise(resolution)
    weights = make_map(mask)
    assert weights.shape == mask.shape and weights.dtype == torch.float32
    assert weights.min() >= 0 and weights.max() <= 1
    assert (weights[mask == 0] == 0).all(), "known pixels get no gradient"
    assert weights[mask == 1].std() > 0.05


@MAPS
@pytest.mark.parametrize("resolution", [16, 128])
@pytest.mark.parametrize("side", [1, 2, 3])
def test_hole_of_a_few_pixels(make_map: MakeMap, resolution: int, side: int) -> None:
    # Its confidence is 1 up to rounding, so that stretching has next to nothing to go by.
    masks = torch.zeros(2, 1, resolution, resolution)
    masks[0, :, 5 : 5 + side, 7 : 7 + side] = masks[1, :, :side, :side] = 1
    weights = make_map(masks)
    assert (weights[masks == 0] == 0).all() and weights.max() <= 1
    assert (weights.amax(dim=(1, 2, 3)) > 0.95).all()


@MAPS
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_nothing_or_everything_missing_gives_the_mask(make_map: MakeMap, value: float) -> None:
    mask = torch.full((2, 1, 32, 32), value)
    assert torch.equal(make_map(mask), mask)


@MAPS
def test_samples_do_not_touch_each_other(make_map: MakeMap) -> None:
    masks = torch.cat([disc(64, 0.1), torch.ones(1, 1, 64, 64), noise(batch=1), torch.zeros(1, 1, 64, 64), disc(64)])
    together = make_map(masks)
    alone = torch.cat([make_map(mask) for mask in masks.split(1)])
    # Stretching a small hole's narrow range enlarges rounding errors.
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-3)


@MAPS
def test_symmetry_is_kept(make_map: MakeMap) -> None:
    weights = make_map(disc(64))
    for turned in (weights.flip(2), weights.flip(3), weights.transpose(2, 3)):
        torch.testing.assert_close(turned, weights, rtol=0, atol=1e-5)
    lopsided = make_map(noise(batch=1))
    assert not torch.allclose(lopsided, lopsided.flip(3), atol=0.1)


def test_interior_is_deepest_at_the_centre_and_boundary_highest_at_the_rim() -> None:
    mask = disc(64)
    boundary, interior = boundary_weight(mask)[0, 0], interior_weight(mask)[0, 0]
    row = torch.arange(32, 64)[mask[0, 0, 32, 32:] == 1]
    # Pixels that mirror each other are computed in another order, and may differ in their last bits.
    assert interior[32, 32].item() == pytest.approx(1, abs=1e-5) and interior.max().item() == pytest.approx(1, abs=1e-5)
    assert (interior[32, row].diff() <= 1e-6).all() and (boundary[32, row].diff() >= -1e-6).all()
    assert interior[32, row[-1]] < 0.7 < interior[32, 32]
    rim = mask[0, 0] - (1 - F.max_pool2d(1 - mask, 3, 1, 1))[0, 0]
    assert rim[boundary >= boundary.max() - 1e-6].all(), "the most certain pixels touch known ones"
    assert boundary[32, 32].item() == pytest.approx(boundary[mask[0, 0] == 1].min().item(), abs=1e-5)
    assert (boundary + interior)[mask[0, 0] == 0].sum() == 0


def test_wider_holes_are_less_certain() -> None:
    centres = [boundary_weight(disc(64, radius))[0, 0, 32, 32].item() for radius in (0.05, 0.2, 0.35, 0.5)]
    assert centres == sorted(centres, reverse=True) and centres[0] > 0.9 and centres[-1] < 0.5


@MAPS
def test_the_same_hole_gets_the_same_map_at_every_resolution(make_map: MakeMap) -> None:
    small, large = make_map(disc(64)), F.avg_pool2d(make_map(disc(256)), 4)
    inside = F.avg_pool2d(disc(256), 4) == 1
    assert (small - large)[inside].abs().max() < 0.06


def test_rim_is_a_narrow_band_that_falls_to_both_sides() -> None:
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 32:] = 1  # the right half
    weight = rim_weight(mask)[0, 0]
    assert (weight[:, :28] == 0).all() and (weight[:, 36:] == 0).all(), "beyond 4 of 64 px nothing counts"
    assert weight[30, 32] > 0.85 and (weight[:, 32:37].diff(dim=1) < 0).all()
    torch.testing.assert_close(weight, weight.flip(1))
    assert (rim_weight(torch.ones(1, 1, 64, 64)) == 0).all() and (rim_weight(torch.zeros(1, 1, 64, 64)) == 0).all()


def test_rim_is_the_share_of_the_other_kind_of_pixels_around() -> None:
    mask = (torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0)) < 0.7).float()
    known, hole = (F.avg_pool2d(x, 5, stride=1, padding=2, count_include_pad=False) for x in (1 - mask, mask))
    torch.testing.assert_close(rim_weight(mask), (2 * (mask * known + (1 - mask) * hole)).clamp(max=1))


def test_rim_at_the_picture_s_border_is_that_of_the_hole_alone() -> None:
    """What lies beyond the picture is neither known nor missing."""
    mask = torch.ones(1, 1, 64, 64)
    mask[..., :32] = 0
    torch.testing.assert_close(rim_weight(mask)[0, 0, 0], rim_weight(mask)[0, 0, 30])


def test_forward_is_the_identity_and_backward_the_product(device: torch.device) -> None:
    x = torch.randn(2, 3, 4, 5, device=device, requires_grad=True)
    weight_map = torch.rand(2, 1, 4, 5, device=device, requires_grad=True)
    gradient = torch.randn(2, 3, 4, 5, device=device)
    y = weight_gradient(x, weight_map)
    assert torch.equal(y, x)
    y.backward(gradient)
    assert x.grad is not None
    assert_close(x.grad, gradient * weight_map)
    assert weight_map.grad is None, "the map is given, not learned"


def test_gradient_through_further_layers_is_weighted_once_for_each_pass(float64_device: torch.device) -> None:
    x = torch.randn(1, 3, 4, 4, dtype=torch.float64, device=float64_device, requires_grad=True)
    weight_map = torch.rand(1, 1, 4, 4, dtype=torch.float64, device=float64_device)
    (plain,) = torch.autograd.grad((x**3).sum(), x)
    (weighted,) = torch.autograd.grad((weight_gradient(weight_gradient(x, weight_map), weight_map) ** 3).sum(), x)
    assert_close(weighted, plain * weight_map**2, rtol=1e-7, atol=1e-7)


def test_only_weights_of_one_give_the_true_gradient(float64_device: torch.device) -> None:
    x = torch.randn(1, 3, 2, 2, dtype=torch.float64, device=float64_device, requires_grad=True)
    ones = torch.ones(1, 1, 2, 2, dtype=torch.float64, device=float64_device)
    assert torch.autograd.gradcheck(lambda x: weight_gradient(x, ones) ** 2, (x,))
    with pytest.raises(GradcheckError):
        torch.autograd.gradcheck(lambda x: weight_gradient(x, ones / 2) ** 2, (x,))

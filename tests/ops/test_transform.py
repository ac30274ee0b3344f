"""Each transform does what its name says, in closed form; what is not asked for stays as it was, bit for bit."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from exegan.ops.transform import (
    Transform,
    balance,
    brighten,
    chain,
    contrast,
    flip_brightness,
    rotate,
    saturate,
    scale,
    translate,
    turn_hue,
)


@pytest.fixture
def images(device: torch.device) -> Tensor:
    return (torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(0)) * 2 - 1).to(device)


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


def close(got: Tensor, wanted: Tensor, atol: float = 1e-5) -> bool:
    slack = 1 if got.device.type == "cpu" else 10
    return got.shape == wanted.shape and bool(torch.allclose(got, wanted, rtol=slack * 1e-5, atol=slack * atol))


def test_mirror(images: Tensor) -> None:
    assert close(Transform(affine=scale(numbers(-1, -1), numbers(1, 1)))(images), images.flip(3))


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turns_are_clockwise(images: Tensor, quarters: int) -> None:
    turned = Transform(affine=rotate(numbers(*[quarters * math.pi / 2] * 2)))(images)
    assert close(turned, torch.rot90(images, -quarters, (2, 3)))


def test_shift_moves_whole_pixels_and_mirrors_at_the_rim(images: Tensor) -> None:
    shifted = Transform(affine=translate(numbers(3, -2).expand(2, 2)))(images)
    wide = F.pad(images, (3, 3, 3, 3), mode="reflect")
    assert close(shifted, wide[:, :, 5:17, :12])


def test_scale_widens_and_chain_goes_from_left_to_right(device: torch.device) -> None:
    ramp = torch.linspace(-1, 1, 33, device=device).expand(1, 3, 33, 33)
    wider = Transform(affine=scale(numbers(2), numbers(1)))(ramp)
    assert close(wider[..., 2:-2], ramp[..., 2:-2] / 2), "cubic interpolation keeps straight lines"
    both = chain(scale(numbers(2), numbers(1)), translate(numbers(4, 0)[None]))
    assert close(Transform(affine=both)(ramp)[..., 8:-4], ramp[..., 4:-8] / 2)


def test_pictures_need_not_be_square(device: torch.device) -> None:
    image = torch.rand(1, 3, 6, 10, device=device)
    assert close(Transform(affine=rotate(numbers(math.pi)))(image), image.flip(2, 3))


def test_brightness_and_contrast(images: Tensor) -> None:
    amount = numbers(0.25, -0.5)
    each = amount.to(images)[:, None, None, None]
    assert close(Transform(brighten(amount))(images), images + each)
    assert close(Transform(contrast(amount))(images), images * each)


def test_balance_scales_light_and_keeps_black(images: Tensor) -> None:
    gains = torch.tensor([[2.0, 1.0, 0.5], [1.0, 1.0, 1.0]])
    assert close(Transform(balance(gains))(images) + 1, (images + 1) * gains.to(images)[:, :, None, None])


def test_saturation_keeps_the_mean_of_the_channels(images: Tensor) -> None:
    grey = images.mean(dim=1, keepdim=True)
    changed = Transform(saturate(numbers(0, 3)))(images)
    assert close(changed[:1], grey[:1].expand(-1, 3, -1, -1))
    assert close(changed[1:], grey[1:] + 3 * (images - grey)[1:])


def test_hue_turns_red_into_green(images: Tensor) -> None:
    turned = Transform(turn_hue(numbers(2 * math.pi / 3, 0)))(images)
    assert close(turned[0], images[0, [2, 0, 1]])
    assert torch.equal(turned[1], images[1])


def test_negative_brightness_keeps_the_colour(images: Tensor) -> None:
    flipped = Transform(flip_brightness(numbers(1, 0)))(images)
    grey = images.mean(dim=1, keepdim=True)
    assert close(flipped[0], (images - 2 * grey)[0])
    assert torch.equal(flipped[1], images[1])


def test_cutout_blanks_half_a_side_and_stops_at_the_rim(images: Tensor) -> None:
    cut = Transform(cutout=numbers(2, 3, -4, 9).view(2, 2))(images)
    wanted = images.clone()
    wanted[0, :, 2:8, 3:9] = 0
    wanted[1, :, 0:2, 9:12] = 0
    assert torch.equal(cut, wanted)


def test_what_is_left_alone_is_bit_equal(images: Tensor) -> None:
    assert Transform()(images) is images
    nothing = Transform(contrast(numbers(1, 1)), rotate(numbers(0, 0)))
    assert torch.equal(nothing(images), images)
    half = Transform(contrast(numbers(1, 2)), rotate(numbers(0, 1)))(images)
    assert torch.equal(half[0], images[0])
    assert not close(half[1], images[1])


def strong() -> Transform:
    affine = chain(rotate(numbers(0.3, 1)), scale(numbers(1.2, 1), numbers(0.9, 1)), translate(numbers(1.5, 0)[None]))
    color = chain(brighten(numbers(0.1, 0)), contrast(numbers(0.7, 1)), turn_hue(numbers(1, 2)))
    return Transform(color, affine, numbers(1, 1, 0, 0).view(2, 2))


def test_half_precision_and_memory_order_change_nothing_but_rounding(images: Tensor) -> None:
    transform = strong()
    wanted = transform(images)
    assert close(transform(images.contiguous(memory_format=torch.channels_last)), wanted)
    with torch.autocast(images.device.type, torch.bfloat16):
        assert close(transform(images), wanted), "computed in float32 whatever surrounds it"
    rounded = images.bfloat16()
    in_between = transform(rounded.float())
    half = transform(rounded)
    assert half.dtype == torch.bfloat16
    # Rounded once, at the end: half of a step of eight bits.
    torch.testing.assert_close(half.float(), in_between, rtol=0.51 * 2**-7, atol=1e-5)


def test_gradient(float64_device: torch.device, images: Tensor) -> None:
    small = images[..., :6, :6].double().requires_grad_(True)
    assert torch.autograd.gradcheck(strong(), small)

"""The discriminator on frozen features: what it is shown, and where its logits lie."""

from __future__ import annotations

import pytest
import torch
from helpers import tiny_perceptual_net
from torch import Tensor

from exegan.config import ProjectedConfig
from exegan.errors import ConfigError
from exegan.losses.objective import Completion
from exegan.masks.regions import LANDMARKS
from exegan.nets.discriminator import ProjectedDiscriminator, hole_shares, view_features
from exegan.training.step import extract_patches, feature_distance


def make_discriminator(resolution: int = 128, crop: int = 32) -> ProjectedDiscriminator:
    torch.manual_seed(0)
    config = ProjectedConfig(sides=(32, 64, 256), crop=crop, width=4)
    return ProjectedDiscriminator(config, tiny_perceptual_net, resolution)


def corner_of(mask: Tensor, chance: float) -> list[int]:
    corner: list[int] = make_discriminator().draw_corners(mask, torch.tensor([chance]))[0].tolist()
    return corner


def test_views_are_the_whole_picture_and_a_square_at_full_size() -> None:
    picture = torch.rand(2, 3, 128, 128)
    views = make_discriminator().views(picture, torch.tensor([[0, 96], [5, 7]]))
    assert [tuple(view.shape) for view in views] == [(2, 3, 32, 32), (2, 3, 64, 64), (2, 3, 32, 32)]
    assert torch.equal(views[2][0], picture[0, :, :32, 96:]) and torch.equal(views[2][1], picture[1, :, 5:37, 7:39])
    torch.testing.assert_close(views[0].mean(dim=(2, 3)), picture.mean(dim=(2, 3)), atol=0.01, rtol=0)


def test_small_pictures_are_shown_less() -> None:
    views = make_discriminator(resolution=32).views(torch.rand(1, 3, 32, 32), torch.zeros(1, 2, dtype=torch.int64))
    assert [view.shape[-1] for view in views] == [32, 32]
    assert len(make_discriminator(crop=0).views(torch.rand(1, 3, 128, 128), torch.zeros(1, 2))) == 2


def test_crops_lie_around_the_hole_and_within_the_picture() -> None:
    mask = torch.zeros(1, 1, 128, 128)
    mask[..., 60, 70] = 1
    assert corner_of(mask, 0.0) == corner_of(mask, 0.999) == [44, 54]
    mask[..., 127, 0] = 1
    assert corner_of(mask, 0.999) == [96, 0]
    assert corner_of(torch.zeros(1, 1, 128, 128), 0.5) == [48, 48], "without a hole, the middle"


def test_every_head_judges_patches_of_eight_pixels() -> None:
    discriminator = make_discriminator()
    corners = torch.zeros(2, 2, dtype=torch.int64)
    logits = discriminator(view_features(discriminator.views(torch.rand(2, 3, 128, 128), corners), tiny_perceptual_net))
    # Pixels and the smaller of the net's two maps, for three views.
    assert [tuple(one.shape) for one in logits] == [(2, 1, side, side) for side in (4, 4, 8, 8, 4, 4)]
    mask = torch.zeros(2, 1, 128, 128)
    mask[..., :64] = 1
    shares = hole_shares(discriminator.views(mask, corners), logits)
    assert [one.shape for one in shares] == [one.shape for one in logits]
    assert [float(one.mean()) for one in shares] == pytest.approx([0.5, 0.5, 0.5, 0.5, 1, 1], abs=1e-6)


def test_a_logit_answers_for_its_own_place() -> None:
    discriminator, corners = make_discriminator().eval(), torch.zeros(1, 2, dtype=torch.int64)
    picture = torch.rand(1, 3, 128, 128, requires_grad=True)
    pixels_of_64 = discriminator(view_features(discriminator.views(picture, corners), tiny_perceptual_net))[2]
    pixels_of_64[0, 0, 0, 0].backward()
    assert picture.grad is not None
    assert picture.grad[..., :64, :64].abs().sum() > 0 and picture.grad[..., 96:, 96:].abs().sum() == 0


@pytest.mark.parametrize("wrong", [{"sides": (16, 64, 128)}, {"crop": 8}, {"width": 0}])
def test_views_too_small_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ProjectedConfig(**wrong)  # type: ignore[arg-type]


def test_eyes_and_mouth_are_looked_at_where_aligned_pictures_have_them() -> None:
    config = ProjectedConfig(sides=(32,), crop=0, width=4, parts=True)
    discriminator = ProjectedDiscriminator(config, tiny_perceptual_net, 128)
    picture = torch.zeros(1, 1, 128, 128)
    for x, y in LANDMARKS[:2, :2] * 128:
        picture[..., int(y), int(x)] = 1
    for x, y in LANDMARKS[3:, :2] * 128:
        picture[..., int(y), int(x)] = 2
    _, eyes, mouth = discriminator.views(picture, torch.zeros(1, 2))
    assert sorted(eyes[eyes > 0].tolist()) == [1, 1] and sorted(mouth[mouth > 0].tolist()) == [2, 2]
    views = discriminator.views(torch.rand(2, 3, 128, 128), torch.zeros(2, 2))
    logits = discriminator(view_features(views, tiny_perceptual_net))
    assert [tuple(one.shape[2:]) for one in logits] == [(4, 4), (4, 4), (4, 9), (4, 9), (4, 6), (4, 6)]
    shares = hole_shares(discriminator.views(torch.ones(2, 1, 128, 128), torch.zeros(2, 2)), logits)
    assert all((one == 1).all() for one in shares)


def test_features_are_matched_on_the_samples_that_owe_the_truth() -> None:
    image, completed = torch.rand(2, 4, 3, 128, 128)
    completed[3] = image[3]
    completed.requires_grad_()
    mask = torch.ones(4, 1, 128, 128)
    discriminator = make_discriminator()
    sample = Completion(completed, completed, image, mask, image, torch.tensor([True, False, False, True]))
    patches = extract_patches(sample, discriminator, tiny_perceptual_net, torch.zeros(4))
    distance = feature_distance(patches, sample.is_reconstruction())
    # Only the first of the two that owe it differs from it; the views' own pixels do not count.
    expected = torch.zeros(())
    corners = discriminator.draw_corners(mask, torch.zeros(4))
    views = [discriminator.views(one, corners) for one in (image, completed)]
    for real, fake in zip(*views, strict=True):
        small = list(zip(tiny_perceptual_net(real), tiny_perceptual_net(fake), strict=True))[1:]
        expected = expected + sum((a - b)[0].square().sum(dim=0).mean() for a, b in small)
    torch.testing.assert_close(distance, expected / (len(views[0]) * 4))
    distance.backward()
    assert completed.grad is not None
    assert completed.grad[0].abs().sum() > 0 and not completed.grad[1:3].any()

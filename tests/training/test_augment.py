"""Augmentation: alike for all pictures the discriminator sees, as strong as the recipe says, and ADA steers itself."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
import torch
from helpers import write_pictures
from test_fit import fit, newest
from torch import Tensor

from exegan.config import AugmentConfig
from exegan.nets.discriminator import Discriminator
from exegan.training.augment import DiscriminatorAugment, draw_ada, draw_diffaugment

POLICIES = [AugmentConfig(), AugmentConfig("diffaugment"), AugmentConfig("ada", initial_p=0.7)]
ACTIVE = POLICIES[1:]


def pictures(batch: int = 6, side: int = 16) -> Tensor:
    return torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("config", [AugmentConfig(), AugmentConfig("ada"), AugmentConfig("none", initial_p=1)])
def test_nothing_happens_where_nothing_should(config: AugmentConfig) -> None:
    images, state = pictures(), torch.get_rng_state()
    (augmented,) = DiscriminatorAugment(config)(images)
    assert augmented is images
    assert torch.equal(torch.get_rng_state(), state), "no random number is spent"


@pytest.mark.parametrize("config", ACTIVE, ids=lambda config: config.policy)
@pytest.mark.parametrize("batch", [1, 6])
def test_batches_of_one_call_share_their_draw(config: AugmentConfig, batch: int) -> None:
    augment, real = DiscriminatorAugment(config), pictures(batch)
    fake = real.clone()
    fake[..., 4:12, 4:12] = 0.5
    torch.manual_seed(1)
    one, other = augment(real, real.clone())
    torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    assert not torch.allclose(one, real)
    assert not torch.equal(one, augment(real)[0]), "every call draws anew"
    torch.manual_seed(1)
    # Drawn again with another partner: neither the pictures nor their number changes a draw.
    again, completed = augment(real, fake)
    torch.testing.assert_close(again, one, rtol=0, atol=1e-5)
    assert not torch.equal(completed, one)


@pytest.mark.parametrize("config", ACTIVE, ids=lambda config: config.policy)
def test_half_precision_around_it_changes_nothing(config: AugmentConfig) -> None:
    torch.manual_seed(1)
    (wanted,) = DiscriminatorAugment(config)(pictures())
    torch.manual_seed(1)
    with torch.autocast("cpu", torch.bfloat16):
        (got,) = DiscriminatorAugment(config)(pictures())
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-5)  # bfloat16 would be off by 1e-2


def test_batches_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="expected one shape"):
        DiscriminatorAugment(AugmentConfig())(pictures(2), pictures(3))


@pytest.mark.parametrize("config", POLICIES, ids=lambda config: config.policy)
def test_gradients_pass(config: AugmentConfig) -> None:
    augment = DiscriminatorAugment(config)

    def seeded(images: Tensor) -> Tensor:
        torch.manual_seed(4)
        (augmented,) = augment(images)
        assert isinstance(augmented, Tensor)
        return augmented

    assert torch.autograd.gradcheck(seeded, pictures(2, 6).double().requires_grad_(True))


def test_groups_can_be_switched_off() -> None:
    for draw in (draw_diffaugment(4, (16, 16), True, False, False), draw_ada(4, (16, 16), True, False, 1.0)):
        assert draw.color is not None and draw.affine is None and draw.cutout is None
    for draw in (draw_diffaugment(4, (16, 16), False, True, False), draw_ada(4, (16, 16), False, True, 1.0)):
        assert draw.color is None and draw.affine is not None and draw.cutout is None
    alone = DiscriminatorAugment(AugmentConfig("diffaugment", color=False, geometry=False))
    cut = alone(pictures(200))[0] != pictures(200)
    assert cut.flatten(1).sum(dim=1).max() == 3 * 64, "a square of half a side"
    assert cut.flatten(1).sum(dim=1).min() == 3 * 16, "centred in the picture, so that a quarter of it is inside"


def test_ada_transforms_the_stated_share() -> None:
    torch.manual_seed(0)
    draw = draw_ada(20000, (64, 64), True, True, 0.5)
    assert draw.color is not None and draw.affine is not None
    share = {
        "brightened": (draw.color[:, 0, 3] != 0, 0.5),
        "mirrored": (torch.linalg.det(draw.affine) < 0, 0.5 / 2),
        "colours kept": ((draw.color == torch.eye(4)).flatten(1).all(dim=1), 0.5**4 * 0.75),
        "places kept": ((draw.affine == torch.eye(3)).flatten(1).all(dim=1), 0.5**5 * 0.75 * 0.625),
    }
    for name, (happened, wanted) in share.items():
        # Four standard deviations; another chance for shifts by less than half a pixel.
        assert abs(float(happened.float().mean()) - wanted) < 4 * math.sqrt(wanted / 20000) + 1e-3, name


def test_ada_strength() -> None:
    torch.manual_seed(0)
    draw = draw_ada(20000, (64, 32), True, True, 1.0)
    assert draw.color is not None and draw.affine is not None
    zoom = torch.linalg.det(draw.affine).abs().log2() / 2
    assert float(zoom.std()) == pytest.approx(0.2, rel=0.05)
    # A grey stays grey through all colour transforms, so that its gain and its offset give back the brightness.
    brightness = draw.color[:, 0, 3] / draw.color[:, 0, :3].sum(dim=1)
    assert float(brightness.mean()) == pytest.approx(0, abs=0.01)
    assert float(brightness.std()) == pytest.approx(0.2, rel=0.05)
    volume = torch.linalg.det(draw.color).abs().log2()
    assert float(volume.std()) == pytest.approx(math.hypot(3 * 0.5, 2 * 1.0), rel=0.05)
    # To the last shift comes the whole-pixel one, which zoom and stretch widen and the turns deal out to both sides.
    whole = (64**2 + 32**2) / 2 / 4**2 / 12 * math.exp(4 * (0.2 * math.log(2)) ** 2)
    wanted = torch.tensor([32.0, 64.0]).div(8).square() + whole
    assert torch.allclose(draw.affine[:, :2, 2].var(dim=0), wanted, rtol=0.06)


def test_diffaugment_strength() -> None:
    torch.manual_seed(0)
    draw = draw_diffaugment(5000, (64, 32), True, True, True)
    assert draw.color is not None and draw.affine is not None and draw.cutout is not None
    shift = draw.affine[:, :2, 2]
    assert torch.equal(shift, shift.round())
    assert shift.amin(dim=0).tolist() == [-4, -8] and shift.amax(dim=0).tolist() == [4, 8]
    assert draw.cutout.amin(dim=0).tolist() == [-16, -8] and draw.cutout.amax(dim=0).tolist() == [47, 23]
    grey = draw.color[:, 0, :3].sum(dim=1)
    assert 0.5 <= grey.min() < 0.51 and 1.49 < grey.max() <= 1.5, "contrast"
    brightness = draw.color[:, 0, 3] / grey
    assert -0.5 <= brightness.min() < -0.49 and 0.49 < brightness.max() <= 0.5
    saturation = (draw.color[:, 0, 0] - draw.color[:, 0, 1]) / grey
    assert 0 <= saturation.min() < 0.01 and 1.99 < saturation.max() <= 2


def logits(positive: int, negative: int) -> Tensor:
    return torch.cat([torch.full((positive,), 3.0), torch.full((negative,), -0.1)])


def test_p_follows_the_sign_of_real_opinions() -> None:
    augment = DiscriminatorAugment(AugmentConfig("ada", speed_kimg=1, interval=2))
    augment.update(logits(10, 0))
    assert augment.p == 0, "not before the interval is over"
    augment.update(logits(8, 2))
    assert float(augment.p) == pytest.approx(20 / 1000) and float(augment.real_sign) == pytest.approx(0.8)
    for _ in range(2):
        augment.update(logits(7, 3))
    assert float(augment.p) == pytest.approx(0, abs=1e-8) and float(augment.real_sign) == pytest.approx(0.4)
    for _ in range(2):
        augment.update(logits(0, 10))
    assert augment.p == 0, "no less than 0"
    for _ in range(100):
        augment.update(logits(10, 0))
    assert float(augment.p) == pytest.approx(1), "one kimg later"
    for _ in range(2):
        augment.update(logits(10, 0))
    assert augment.p == 1, "no more than 1"


def test_other_policies_take_stock_and_leave_p() -> None:
    augment = DiscriminatorAugment(AugmentConfig("diffaugment", interval=1))
    augment.update(logits(3, 1))
    assert augment.real_sign == 0.5 and augment.p == 0


def test_devices_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another device, with three images all held for false, tips the balance."""

    def add_other(signs: Tensor) -> None:
        signs += torch.tensor([-3.0, 3.0])

    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "all_reduce", add_other)
    augment = DiscriminatorAugment(AugmentConfig("ada", speed_kimg=1, interval=1, initial_p=0.5))
    augment.update(logits(4, 0))
    assert float(augment.real_sign) == pytest.approx(1 / 7)
    assert float(augment.p) == pytest.approx(0.5 - 7 / 1000)


def test_state_travels_and_older_checkpoints_are_taken() -> None:
    config = AugmentConfig("ada", speed_kimg=1, interval=2)
    augment, resumed, older = (DiscriminatorAugment(config) for _ in range(3))
    for _ in range(3):
        augment.update(logits(5, 0))
    resumed.load_state_dict(augment.state_dict())
    for each in (augment, resumed):
        each.update(logits(5, 0))
    assert float(augment.p) == float(resumed.p) == pytest.approx(0.02)
    torch.nn.Sequential(older).load_state_dict({})
    assert older.p == 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("policy", ["none", "diffaugment", "ada"])
def test_run(tmp_path: Path, policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every picture the discriminator judges, R1's and the generator's included, has been through the augmentation."""
    seen = []
    transform, judge = DiscriminatorAugment.forward, Discriminator.forward

    def marked(self: DiscriminatorAugment, *batches: Tensor) -> tuple[Tensor, ...]:
        return tuple(batch + 100 for batch in transform(self, *batches))

    def unmarked(self: Discriminator, image: Tensor) -> Tensor:
        seen.append(float(image.mean()))
        return judge(self, image - 100).abs() + 0.1  # sure of all pictures, so that p rises

    monkeypatch.setattr(DiscriminatorAugment, "forward", marked)
    monkeypatch.setattr(Discriminator, "forward", unmarked)
    faces = tmp_path / "faces"
    write_pictures(faces, 6)
    ada = [f"--model.augment.{setting}" for setting in ("speed_kimg=0.1", "interval=1", "initial_p=0.5")]
    arguments = [f"--model.augment.policy={policy}", *ada]
    assert fit(tmp_path, faces, 0.008, *arguments) == 0
    assert len(seen) == 2 * 3 + 1, "R1 is due in one of two batches"
    assert min(seen) > 90
    state = newest(tmp_path)
    assert float(state["augment.p"]) == pytest.approx(0.5 + (8 / 100 if policy == "ada" else 0))
    with (tmp_path / "run/metrics/version_0/metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row.get("train/real_sign")]
    if policy == "ada":
        assert [float(row["train/ada_p"]) for row in rows] == pytest.approx([0.54, 0.58])
        assert fit(tmp_path, faces, 0.012, *arguments, "--model.augment.initial_p=0", "--ckpt_path", "last") == 0
        assert float(newest(tmp_path)["augment.p"]) == pytest.approx(0.62), "goes on from the checkpoint's"
    else:
        assert "train/ada_p" not in rows[-1]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("policy=flip", "flip"),
        ("target=2", "augment.target"),
        ("speed_kimg=0", "augment.speed_kimg"),
        ("interval=0", "augment.interval"),
        ("initial_p=-1", "augment.initial_p"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_bad_settings_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], setting: str, said: str
) -> None:
    write_pictures(tmp_path / "faces", 2)
    assert fit(tmp_path, tmp_path / "faces", 0.004, f"--model.augment.{setting}") == 2
    assert said in capsys.readouterr().err.strip().splitlines()[-1]


def test_policy_without_a_transform_is_refused() -> None:
    with pytest.raises(Exception, match="without a transform"):
        AugmentConfig("ada", color=False, geometry=False)

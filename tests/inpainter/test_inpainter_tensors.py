"""The pipeline's tensor entry point: contracts that batch, evaluation and page rely on."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from exegan.errors import InputError
from exegan.inpainter import Inpainter, choose_device

Batch = tuple[Tensor, Tensor, Tensor]


@pytest.fixture
def batch(inpainter: Inpainter) -> Batch:
    side = inpainter.resolution
    mask = torch.zeros(3, 1, side, side)
    mask[:, :, 2:-2, 3:-3] = 1
    return torch.rand(3, 3, side, side) * 2 - 1, mask, torch.rand(3, 3, 50, 50) * 2 - 1


def test_known_pixels_are_bit_identical_and_the_hole_is_not(inpainter: Inpainter, batch: Batch) -> None:
    image, mask, _ = batch
    completed = inpainter.complete(*batch)
    known = mask.expand_as(image) == 0
    assert torch.equal(completed[known], image[known])
    assert not torch.equal(completed[~known], image[~known])


def test_hole_pixels_are_not_looked_at(inpainter: Inpainter, batch: Batch) -> None:
    image, mask, exemplar = batch
    other = torch.where(mask == 1, torch.full_like(image, 7.0), image)
    assert torch.equal(inpainter.complete(image, mask, exemplar), inpainter.complete(other, mask, exemplar))


def test_seed_decides_and_belongs_to_the_item(inpainter: Inpainter, batch: Batch) -> None:
    image, mask, exemplar = batch
    options = {"seed": [5, 6, 5], "noise_mode": "random"}
    together = inpainter.complete(*batch, **options)
    assert torch.equal(together, inpainter.complete(*batch, **options))
    alone = inpainter.complete(image[1:2], mask[1:2], exemplar[1:2], seed=6, noise_mode="random")
    torch.testing.assert_close(together[1:2], alone, rtol=0, atol=1e-4)
    assert not torch.equal(together, inpainter.complete(*batch, seed=7, noise_mode="random"))


def test_z_overrides_the_seed(inpainter: Inpainter, batch: Batch) -> None:
    z = torch.randn(3, inpainter.model.config.generator.z_dim)
    assert torch.equal(inpainter.complete(*batch, z=z, seed=1), inpainter.complete(*batch, z=z, seed=2))


def test_noise_modes_differ(inpainter: Inpainter, batch: Batch) -> None:
    results = [inpainter.complete(*batch, noise_mode=mode) for mode in ("const", "random", "none")]
    assert not torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_style_is_a_value_to_use_again(inpainter: Inpainter, batch: Batch) -> None:
    image, mask, exemplar = batch
    style = inpainter.encode_exemplar(exemplar)
    config = inpainter.model.config.generator
    assert style.shape == (3, config.num_styles, config.w_dim)
    assert torch.equal(inpainter.complete(image, mask, style), inpainter.complete(image, mask, exemplar))
    one = inpainter.complete(image, mask, style[:1])
    torch.testing.assert_close(one, inpainter.complete(image, mask, style[:1].expand(3, -1, -1)))


def test_strength_zero_ignores_the_exemplar_and_one_obeys(inpainter: Inpainter, batch: Batch) -> None:
    image, mask, exemplar = batch
    swapped = exemplar.flip(0)
    weak = [inpainter.complete(image, mask, x, exemplar_strength=0.0) for x in (exemplar, swapped)]
    strong = [inpainter.complete(image, mask, x) for x in (exemplar, swapped)]
    assert torch.equal(*weak)
    assert not torch.equal(*strong)


def test_each_item_may_have_its_own_strength(inpainter: Inpainter, batch: Batch) -> None:
    strengths = [0.0, 0.3, 1.0]
    together = inpainter.complete(*batch, seed=[4, 5, 6], exemplar_strength=strengths)
    for row, strength in enumerate(strengths):
        alone = inpainter.complete(*batch, seed=[4, 5, 6], exemplar_strength=strength)
        torch.testing.assert_close(together[row], alone[row], rtol=0, atol=1e-5)
        assert row == 0 or not torch.allclose(alone[0], together[0], atol=1e-3)


def test_truncation_zero_gives_the_mean_face(inpainter: Inpainter, batch: Batch) -> None:
    assert torch.equal(*(inpainter.complete(*batch, seed=s, truncation_psi=0.0) for s in (1, 2)))
    assert not torch.equal(*(inpainter.complete(*batch, seed=s) for s in (1, 2)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image": torch.zeros(3, 3, 8, 8)}, "image has shape"),
        ({"image": torch.zeros(3, 4, 16, 16)}, "image has shape"),
        ({"mask": torch.zeros(3, 3, 16, 16)}, "mask has shape"),
        ({"exemplar": torch.zeros(2, 3, 16, 16)}, "expected"),
        ({"exemplar": torch.zeros(3, 1, 16, 16)}, "exemplar has shape"),
        ({"exemplar": torch.zeros(3, 1, 1)}, "exemplar style has shape"),
        ({"exemplar": torch.zeros(3)}, "exemplar"),
        ({"z": torch.zeros(3, 3)}, "z has shape"),
        ({"seed": [1, 2]}, "2 seeds for 3 images"),
        ({"seed": -1}, "seed -1"),
        ({"noise_mode": "loud"}, "loud"),
        ({"exemplar_strength": 1.5}, "exemplar_strength is 1.5"),
        ({"exemplar_strength": [0.5, 1.5, 0.5]}, "exemplar_strength is 1.5"),
        ({"exemplar_strength": [0.5, 1.0]}, "2 exemplar strengths for 3 images"),
        ({"truncation_psi": float("nan")}, "truncation_psi is nan"),
    ],
)
def test_wrong_arguments_are_named(inpainter: Inpainter, batch: Batch, change: dict[str, object], said: str) -> None:
    arguments = dict(zip(("image", "mask", "exemplar"), batch, strict=True)) | change
    with pytest.raises(InputError, match=said):
        inpainter.complete(**arguments)  # type: ignore[arg-type]


def test_devices() -> None:
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type in ("cpu", "cuda", "mps")
    with pytest.raises(InputError, match="abacus"):
        choose_device("abacus")

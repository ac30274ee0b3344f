"""The `paper` networks give exactly what the original's gave on the same weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from originals import golden_arrays, original_weights
from torch import Tensor

from exegan.config import DiscriminatorConfig, GeneratorConfig, StyleEncoderConfig
from exegan.losses.svgl import boundary_weight, interior_weight
from exegan.nets.discriminator import Discriminator
from exegan.nets.generator import Generator
from exegan.nets.original import convert_discriminator, convert_generator, convert_style_encoder
from exegan.nets.style_encoder import IRSE50StyleEncoder
from exegan.ops.image import composite

Golden = dict[str, np.ndarray]


def assert_golden(actual: Tensor, expected: np.ndarray, absolute: float | None = None) -> None:
    """Fail unless the largest difference is within 1e-3 of the expected output's spread (or `absolute`)."""
    wanted, actual = torch.from_numpy(expected), actual.cpu()
    assert actual.numel() == wanted.numel(), f"got {tuple(actual.shape)}, expected {tuple(wanted.shape)}"
    worst = (actual.reshape(wanted.shape) - wanted).abs().max().item()
    limit = 1e-3 * wanted.std().item() if absolute is None else absolute
    assert worst <= limit, f"largest difference {worst:.3g}, allowed {limit:.3g}"


@pytest.fixture(scope="module")
def golden() -> Golden:
    return golden_arrays()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda right: right + 2e-3 * right.std(),
        lambda right: right.flip(-1),
        lambda right: right * 1.01,
        lambda right: torch.full_like(right, float("nan")),
        lambda right: right[..., 1:],
    ],
    ids=["offset", "mirrored", "brighter", "nan", "cropped"],
)
def test_a_wrong_output_is_not_golden(wrong: Callable[[Tensor], Tensor]) -> None:
    right = torch.randn(3, 32, 32)
    assert_golden(right + 5e-4 * right.std(), right.numpy())
    with pytest.raises(AssertionError):
        assert_golden(wrong(right), right.numpy())


def pictures(golden: Golden, device: torch.device, *names: str) -> list[Tensor]:
    """Pictures and holes of these names, as networks take them."""
    arrays = [torch.from_numpy(golden[name]).to(device) for name in names]
    return [
        array.permute(2, 0, 1)[None].float() / 127.5 - 1 if array.ndim == 3 else array[None, None].float()
        for array in arrays
    ]


@torch.inference_mode()
def test_generator_equals_original(golden: Golden, device: torch.device) -> None:
    generator = Generator(GeneratorConfig()).eval()
    generator.load_state_dict(convert_generator(original_weights("generator")))
    generator.to(device)
    w = generator.mapping(torch.from_numpy(golden["z"]).to(device))
    assert_golden(w, golden["w"])
    w_plus = generator.mix_styles(w, torch.from_numpy(golden["codes"]).to(device))
    raw = generator(*pictures(golden, device, "image", "mask"), w_plus)
    assert_golden(raw, golden["raw"])
    with pytest.raises(AssertionError, match="largest difference"):
        assert_golden(raw + 2e-3 * raw.std(), golden["raw"])


@torch.inference_mode()
def test_style_encoder_equals_original(golden: Golden, device: torch.device) -> None:
    config = GeneratorConfig()
    encoder = IRSE50StyleEncoder(StyleEncoderConfig(), config).eval()
    latent_avg = torch.from_numpy(golden["latent_avg"])
    encoder.load_state_dict(convert_style_encoder(original_weights("psp_encoder"), latent_avg, config))
    codes = encoder.to(device)(*pictures(golden, device, "exemplar"))
    assert_golden(codes, golden["codes"])
    with pytest.raises(AssertionError, match="largest difference"):
        assert_golden(codes.flip(1), golden["codes"])


@torch.inference_mode()
def test_discriminator_equals_original(golden: Golden, device: torch.device) -> None:
    discriminator = Discriminator(DiscriminatorConfig(), resolution=256).eval()
    discriminator.load_state_dict(convert_discriminator(original_weights("discriminator")))
    raw = torch.from_numpy(golden["raw"])[None].to(device)
    completed = composite(raw, *pictures(golden, device, "image", "mask"))
    logit = discriminator.to(device)(completed / float(golden["comp_std"]))
    assert_golden(logit, golden["logit"], absolute=1e-3)
    with pytest.raises(AssertionError, match="largest difference"):
        assert_golden(logit + 0.01, golden["logit"], absolute=1e-3)


def test_weight_maps_equal_original(golden: Golden, device: torch.device) -> None:
    (mask,) = pictures(golden, device, "mask")
    assert_golden(boundary_weight(mask), golden["confidence"])
    assert_golden(interior_weight(mask), golden["attribute_weight"])
    with pytest.raises(AssertionError, match="largest difference"):
        assert_golden(interior_weight(mask), golden["confidence"])

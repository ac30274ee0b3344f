"""Style encoders are interchangeable: exemplar of any size in, one code a layer out."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from helpers import assert_close, tiny_model_config
from torch import nn

from exegan.config import ModelConfig, StyleEncoderConfig
from exegan.nets.style_encoder import IRSE50StyleEncoder, SmallStyleEncoder, make_style_encoder

KINDS = ["small", "irse50"]


def config_of(kind: str, resolution: int = 16) -> ModelConfig:
    if kind == "small":
        return tiny_model_config(resolution)
    # Its widths are fixed; a small input keeps it quick.
    config = tiny_model_config(resolution, w_dim=512)
    return dataclasses.replace(config, style_encoder=StyleEncoderConfig(kind="irse50", resolution=32))


@pytest.fixture(scope="module", params=KINDS)
def encoder_on_cpu(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return make_style_encoder(config_of(request.param)).eval().requires_grad_(False)


@pytest.fixture
def encoder(encoder_on_cpu: nn.Module, device: torch.device) -> Iterator[nn.Module]:
    yield encoder_on_cpu.to(device)
    encoder_on_cpu.to("cpu")


@pytest.mark.parametrize("size_hw", [(16, 16), (32, 32), (50, 21), (7, 9)])
def test_input_size_is_free(device: torch.device, encoder: nn.Module, size_hw: tuple[int, int]) -> None:
    w_dim = 8 if isinstance(encoder, SmallStyleEncoder) else 512
    codes = encoder(torch.rand(2, 3, *size_hw, device=device) * 2 - 1)
    assert codes.shape == (2, 2, w_dim) and codes.isfinite().all()


def test_codes_differ_between_faces_and_not_with_the_batch(device: torch.device, encoder: nn.Module) -> None:
    faces = torch.rand(3, 3, 32, 32, device=device) * 2 - 1
    codes = encoder(faces)
    spread = codes.std(dim=0).mean()
    assert spread > 1e-3
    assert (codes[:, 0] - codes[:, 1]).abs().mean() > spread / 10, "each layer has a head of its own"
    assert_close(encoder(faces[1:2]), codes[1:2], rtol=1e-3, atol=1e-4 * spread.item())


def test_gradient_reaches_the_exemplar(device: torch.device, encoder: nn.Module) -> None:
    exemplar = (torch.rand(2, 3, 32, 32, device=device) * 2 - 1).requires_grad_()
    encoder(exemplar).square().sum().backward()
    assert exemplar.grad is not None and exemplar.grad.isfinite().all() and (exemplar.grad != 0).any(dim=1).all()


def test_small_encoder_looks_at_a_larger_picture_antialiased(device: torch.device) -> None:
    encoder = make_style_encoder(config_of("small")).eval().requires_grad_(False).to(device)
    small = torch.rand(1, 3, 16, 16, device=device)
    large = F.interpolate(small, size=(64, 64), mode="nearest")
    # Of four pixels the middle two are dark: their mean is 0, but plain interpolation would see nothing else.
    stripes = torch.tensor([1.0, -1.0, -1.0, 1.0], device=device).repeat(16).expand(1, 3, 64, 64)
    plain = encoder(large)
    seen, aliased = (encoder(large + stripes) - plain).abs().max(), (encoder(small - 1) - plain).abs().max()
    assert seen < 0.2 * aliased


def test_heads_are_named_by_the_layer_they_serve() -> None:
    small, large = (make_style_encoder(config_of("small", resolution)) for resolution in (16, 64))
    assert isinstance(small, SmallStyleEncoder) and isinstance(large, SmallStyleEncoder)
    assert list(small.heads) == ["4", "5"]
    assert list(large.heads) == [str(i) for i in range(4, 10)]


def test_signatures_are_the_same() -> None:
    for method in (lambda cls: cls.__init__, lambda cls: cls.forward):
        assert inspect.signature(method(SmallStyleEncoder)) == inspect.signature(method(IRSE50StyleEncoder))


def test_original_s_encoder_is_frozen() -> None:
    config = tiny_model_config(16, w_dim=512)
    encoder = IRSE50StyleEncoder(StyleEncoderConfig(kind="irse50", resolution=64), config.generator)
    parent = nn.ModuleList([encoder]).train()
    assert parent.training
    assert not any(part.training for part in encoder.modules())
    assert not any(weight.requires_grad for weight in encoder.parameters())

"""The generator: which inputs it looks at, which it must not, and which layer each style rules."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from helpers import assert_close, tiny_model_config
from torch import Tensor

from exegan.nets.generator import Generator, ModulatedConv

Inputs = tuple[Tensor, Tensor, Tensor]


def make_generator(device: torch.device, resolution: int = 16) -> Generator:
    """A tiny generator whose noise acts, which it does not before training."""
    generator = Generator(tiny_model_config(resolution).generator).eval().requires_grad_(False).to(device)
    for module in generator.modules():
        if isinstance(module, ModulatedConv):
            module.noise_strength.fill_(0.5)
    return generator


def make_inputs(generator: Generator, batch: int = 2) -> Inputs:
    """Image, mask with a hole, and w_plus, on the generator's device."""
    config, device = generator.config, generator.conv4.weight.device
    image = torch.rand(batch, 3, config.resolution, config.resolution, device=device) * 2 - 1
    mask = (torch.rand(batch, 1, config.resolution, config.resolution, device=device) < 0.5).float()
    return image, mask, torch.randn(batch, config.num_ws, config.w_dim, device=device)


@pytest.fixture
def generator(device: torch.device) -> Generator:
    return make_generator(device)


@pytest.fixture
def inputs(generator: Generator) -> Inputs:
    return make_inputs(generator)


@pytest.mark.parametrize("resolution", [16, 32, 64])
def test_shapes(device: torch.device, resolution: int) -> None:
    generator = make_generator(device, resolution)
    raw = generator(*make_inputs(generator, batch=3))
    assert raw.shape == (3, 3, resolution, resolution) and raw.isfinite().all()
    assert generator.mapping(torch.randn(3, 6, device=device)).shape == (3, 8)
    layers = [module for module in generator.modules() if isinstance(module, ModulatedConv)]
    assert generator.config.noise_shapes() == [tuple(layer.noise_const.shape[2:]) for layer in layers]


def test_hole_pixels_are_not_looked_at(generator: Generator, inputs: Inputs) -> None:
    image, mask, w_plus = inputs
    raw = generator(image, mask, w_plus)
    other_hole = torch.where(mask.bool(), torch.randn_like(image) * 100, image)
    assert_close(generator(other_hole, mask, w_plus), raw)
    assert (generator(image + 0.1, mask, w_plus) - raw).abs().max() > 1e-3
    assert (generator(image * (1 - mask), torch.zeros_like(mask), w_plus) - raw).abs().max() > 1e-3


def test_every_latent_acts(generator: Generator, inputs: Inputs) -> None:
    image, mask, w_plus = inputs
    raw = generator(image, mask, w_plus)
    for i in range(generator.config.num_ws):
        changed = w_plus.clone()
        changed[:, i] += 1
        assert (generator(image, mask, changed) - raw).abs().max() > 1e-4, f"latent {i} is not used"
    # The last one rules the last picture layer alone: without that layer's weights it does nothing.
    generator.blocks[str(generator.config.resolution)].to_rgb.weight.zero_()
    assert_close(generator(image, mask, changed), generator(image, mask, w_plus))


def test_exemplar_s_style_changes_the_picture(device: torch.device, generator: Generator, inputs: Inputs) -> None:
    image, mask, _ = inputs
    w, style = (torch.randn(2, *shape, device=device) for shape in ((8,), (generator.config.num_styles, 8)))
    one, swapped = (generator(image, mask, generator.mix_styles(w, codes)) for codes in (style, style.flip(0)))
    assert ((one - swapped).abs().amax(dim=(1, 2, 3)) > 1e-3).all()


def test_given_noise_replaces_the_stored_one_layer_by_layer(generator: Generator, inputs: Inputs) -> None:
    stored = [module.noise_const for module in generator.modules() if isinstance(module, ModulatedConv)]
    raw = generator(*inputs)
    assert_close(generator(*inputs, stored), raw)
    for i in range(len(stored)):
        noise = [torch.randn_like(old) if i == k else old for k, old in enumerate(stored)]
        assert (generator(*inputs, noise) - raw).abs().max() > 1e-3, f"noise {i} is not used"
    per_sample = [torch.cat([old, torch.randn_like(old)]) for old in stored]
    first, second = generator(*inputs, per_sample)
    assert_close(first, raw[0])
    assert (second - raw[1]).abs().max() > 1e-3


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("per_layer", [True, False])
def test_mix_styles(device: torch.device, generator: Generator, strength: float, per_layer: bool) -> None:
    config = generator.config
    w = torch.randn(2, *([config.num_ws] if per_layer else []), config.w_dim, device=device)
    style = torch.randn(2, config.num_styles, config.w_dim, device=device)
    every_w = w if per_layer else w[:, None].repeat(1, config.num_ws, 1)
    w_plus = generator.mix_styles(w, style, strength)
    assert w_plus.shape == (2, config.num_ws, config.w_dim)
    assert torch.equal(w_plus[:, :4], every_w[:, :4]), "the coarse layers belong to the stochastic style"
    assert_close(w_plus[:, 4:], strength * style + (1 - strength) * every_w[:, 4:])
    if strength != 0.5:
        assert torch.equal(w_plus[:, 4:], style if strength else every_w[:, 4:]), "the ends are exact"


def test_a_sample_does_not_depend_on_its_batch(generator: Generator) -> None:
    inputs = make_inputs(generator, batch=5)
    together = generator(*inputs)
    for i in range(5):
        alone = generator(*(tensor[i : i + 1] for tensor in inputs))
        assert_close(alone[0], together[i], rtol=0, atol=1e-5)


def test_dropout_and_randomness_in_training_only(generator: Generator, inputs: Inputs) -> None:
    assert_close(generator(*inputs), generator(*inputs))
    generator.train()
    assert (generator(*inputs) - generator(*inputs)).abs().max() > 1e-3


def test_mapping_ignores_the_length_of_z(device: torch.device, generator: Generator) -> None:
    z = torch.randn(4, 6, device=device)
    assert_close(generator.mapping(z * 100), generator.mapping(z), rtol=1e-4, atol=1e-5)
    assert (generator.mapping(-z) - generator.mapping(z)).abs().max() > 1e-3


def test_each_sample_may_have_its_own_strength(device: torch.device, generator: Generator) -> None:
    config = generator.config
    w, style = (torch.randn(2, *shape, device=device) for shape in ((config.w_dim,), (config.num_styles, config.w_dim)))
    mixed = generator.mix_styles(w, style, torch.tensor([0.0, 1.0], device=device)[:, None, None])
    assert_close(mixed[:1], generator.mix_styles(w[:1], style[:1], 0.0))
    assert_close(mixed[1:], generator.mix_styles(w[1:], style[1:], 1.0))


def test_layers_above_a_limit_learn_no_noise() -> None:
    config = replace(tiny_model_config(32).generator, noise_max=8)
    strengths = {
        name: parameter.requires_grad
        for name, parameter in Generator(config).named_parameters()
        if name.endswith("noise_strength")
    }
    learns = {name for name, does in strengths.items() if does}
    assert learns == {f"{layer}.noise_strength" for layer in ("conv4", "blocks.8.conv_up", "blocks.8.conv")}
    assert len(strengths) == 7

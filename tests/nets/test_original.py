"""Every entry of the original's files has a place here, and nothing here stays empty."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from originals import PREFIXES, original_shapes
from torch import Tensor, nn

from exegan.config import DiscriminatorConfig, GeneratorConfig, StyleEncoderConfig
from exegan.errors import WeightsError
from exegan.nets.discriminator import Discriminator
from exegan.nets.generator import Generator
from exegan.nets.original import convert_discriminator, convert_generator, convert_style_encoder
from exegan.nets.style_encoder import IRSE50StyleEncoder

State = dict[str, Tensor]


def make_network(network: str, resolution: int) -> tuple[nn.Module, Callable[[State], State]]:
    """Our network at one resolution, and the function that converts the original's weights for it."""
    config = GeneratorConfig(resolution=resolution)
    if network == "generator":
        return Generator(config), convert_generator
    if network == "discriminator":
        return Discriminator(DiscriminatorConfig(), resolution), convert_discriminator
    latent_avg = torch.empty(18, 512)
    return IRSE50StyleEncoder(StyleEncoderConfig(), config), partial(
        convert_style_encoder, latent_avg=latent_avg, config=config
    )


@pytest.mark.parametrize("resolution", [256, 512])
@pytest.mark.parametrize("network", PREFIXES)
def test_names_and_shapes_fit(network: str, resolution: int) -> None:
    with torch.device("meta"):
        ours, convert = make_network(network, resolution)
        theirs = {key: torch.empty(shape) for key, shape in original_shapes(network, resolution).items()}
    converted = {key: tuple(tensor.shape) for key, tensor in convert(theirs).items()}
    expected = {key: tuple(tensor.shape) for key, tensor in ours.state_dict().items()}
    assert converted == expected


@pytest.mark.parametrize("key", ["fc.weight", "conv1.conv.weights", "xconv1.conv.weight", "styles.4.convs.99.weight"])
@pytest.mark.parametrize("network", PREFIXES)
def test_unknown_entry_is_refused(network: str, key: str) -> None:
    with torch.device("meta"):
        _, convert = make_network(network, 256)
        with pytest.raises(WeightsError, match=rf"unknown entry '{key}'; is it another network\?"):
            convert({key: torch.empty(1)})


def test_values_go_where_their_names_say() -> None:
    state = {
        "conv1.conv.weight": torch.full((1, 2, 2, 3, 3), 1.0),
        "conv1.activate.bias": torch.full((2,), 2.0),
        "to_rgb1.bias": torch.full((1, 3, 1, 1), 3.0),
        "style.1.weight": torch.full((2, 2), 4.0),
        "convs.0.conv.blur.kernel": torch.full((4, 4), 5.0),
        "to_rgbs.0.bias": torch.full((1, 3, 1, 1), 6.0),
        "noises.noise_2": torch.full((1, 1, 8, 8), 7.0),
        "encoder_convs.1.2.bias": torch.full((2,), 8.0),
    }
    converted = convert_generator(state)
    assert {key: (tuple(value.shape), value.max().item()) for key, value in converted.items()} == {
        "conv4.weight": ((2, 2, 3, 3), 1.0),
        "conv4.bias": ((2,), 2.0),
        "to_rgb4.bias": ((3,), 3.0),
        "mapping.layers.0.weight": ((2, 2), 4.0),
        "blocks.8.to_rgb.bias": ((3,), 6.0),
        "blocks.8.conv.noise_const": ((1, 1, 8, 8), 7.0),
        "encoder.blocks.8.down.bias": ((2,), 8.0),
    }


def test_style_average_is_the_slice_of_the_exemplar_s_layers() -> None:
    latent_avg = torch.arange(18.0)[:, None].expand(18, 512)
    with torch.device("meta"):
        converted = convert_style_encoder({}, latent_avg, GeneratorConfig())
    assert converted["style_avg"][:, 0].tolist() == list(range(4, 14))

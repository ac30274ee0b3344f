"""Configurations: a round trip through JSON changes nothing, and what cannot work is refused with a sentence."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

import exegan.config
from exegan.config import (
    AugmentConfig,
    DiscriminatorConfig,
    FrozenNetConfig,
    GeneratorConfig,
    LossConfig,
    MaskConfig,
    ModelConfig,
    OptimizerConfig,
    ProjectedConfig,
    RunConfig,
    StyleEncoderConfig,
    from_dict,
    to_dict,
)
from exegan.errors import ConfigError

CHANGED = [
    GeneratorConfig(resolution=64, channel_base=128, w_dim=16, mapping_lr_mul=0.5, num_coarse=2),
    DiscriminatorConfig(channel_max=8),
    StyleEncoderConfig(kind="small", resolution=64),
    ModelConfig("lite", GeneratorConfig(resolution=32), StyleEncoderConfig("small")),
    ProjectedConfig(sides=(64, 64, 256), crop=0),
    MaskConfig("large_holes", 0.1, 0.9),
    FrozenNetConfig("vgg19", "a/b.safetensors"),
    LossConfig(r1_interval=3, perceptual_net=FrozenNetConfig("squeezenet")),
    AugmentConfig("ada", cutout=False, target=0.5),
    OptimizerConfig(lr=0.1, betas=(0.5, 0.9)),
    RunConfig("runs/a", total_kimg=10.0, keep_checkpoints=5),
]


def test_every_configuration_is_tried() -> None:
    classes = {value for value in vars(exegan.config).values() if dataclasses.is_dataclass(value)}
    assert {type(config) for config in CHANGED} == classes


@pytest.mark.parametrize("config", CHANGED, ids=lambda config: type(config).__name__)
def test_round_trip(config: Any) -> None:
    back = from_dict(type(config), json.loads(json.dumps(to_dict(config))))
    assert back == config and repr(back) == repr(config)
    with pytest.raises(dataclasses.FrozenInstanceError):
        back.resolution = 1


def test_missing_keys_take_defaults() -> None:
    assert from_dict(ModelConfig, {"generator": {"resolution": 512}}) == ModelConfig(
        generator=GeneratorConfig(resolution=512)
    )


@pytest.mark.parametrize(
    ("cls", "values", "message"),
    [
        (MaskConfig, {"recipes": "a"}, "here has unknown key recipes; expected some of recipe, min_hole, max_hole"),
        (LossConfig, {"perceptual_net": {"nme": "a"}}, r"here\.perceptual_net has unknown key nme; expected some of"),
        (ModelConfig, {"generator": 5}, r"here\.generator is 5, expected a mapping of GeneratorConfig"),
        (ModelConfig, [], r"here is \[\], expected a mapping of ModelConfig"),
        (ModelConfig, {"family": "big"}, r"here\.family is 'big', expected one of \('paper', 'lite'\)"),
        (GeneratorConfig, {"z_dim": "512"}, r"here\.z_dim is '512', expected int"),
        (GeneratorConfig, {"z_dim": 1.5}, r"here\.z_dim is 1\.5, expected int"),
        (GeneratorConfig, {"z_dim": True}, r"here\.z_dim is True, expected int"),
        (GeneratorConfig, {"z_dim": None}, r"here\.z_dim is None, expected int"),
        (GeneratorConfig, {"z_dim": float("inf")}, r"here\.z_dim is inf, expected int"),
        (GeneratorConfig, {"z_dim": float("nan")}, r"here\.z_dim is nan, expected int"),
        (LossConfig, {"r1": "10"}, r"here\.r1 is '10', expected float"),
        (OptimizerConfig, {"betas": 0.5}, r"here\.betas is 0\.5, expected a list"),
        (OptimizerConfig, {"betas": [0.5]}, r"here\.betas is \[0\.5\], expected"),
        (OptimizerConfig, {"betas": [0.5, "a"]}, r"here\.betas.* is .*'a'.*, expected"),
        (FrozenNetConfig, {"name": 5}, r"here\.name is 5, expected"),
        (FrozenNetConfig, {"weights": 5}, r"here\.weights is 5, expected"),
        (RunConfig, {"total_kimg": 5}, r"here has no dir|here\.dir is missing"),
        (GeneratorConfig, {"resolution": 8}, r"generator\.resolution is 8, expected a power of two of at least 16"),
        (GeneratorConfig, {"resolution": 100}, r"generator\.resolution is 100, expected a power of two"),
        (GeneratorConfig, {"resolution": -64}, r"generator\.resolution is -64, expected a power of two"),
        (GeneratorConfig, {"num_coarse": 0}, r"generator\.num_coarse is 0, expected 1 to 13 at 256 px"),
        (GeneratorConfig, {"num_coarse": 14}, r"generator\.num_coarse is 14, expected 1 to 13 at 256 px"),
        (GeneratorConfig, {"channel_base": 128}, r"generator\.channel_base is 128, expected at least .*256"),
        (GeneratorConfig, {"z_dim": 0}, r"generator\.z_dim is 0, expected 1 to 16384"),
        (GeneratorConfig, {"global_dim": 10**9}, r"generator\.global_dim is 1000000000, expected 1 to 16384"),
        (GeneratorConfig, {"mapping_layers": 10**6}, r"generator\.mapping_layers is 1000000, expected 1 to 64"),
        (GeneratorConfig, {"resolution": 2048}, r"generator\.resolution is 2048, expected .* at most 1024"),
        (RunConfig, {"dir": "a", "total_kimg": 0}, r"run\.total_kimg is 0\.0, expected more than 0"),
        (StyleEncoderConfig, {"resolution": 48}, r"style_encoder\.resolution is 48, expected a power of two"),
        (ModelConfig, {"generator": {"w_dim": 256}}, r"generator\.w_dim is 256, expected 512 with .* irse50"),
        (LossConfig, {"r1_interval": 0}, r"losses\.r1_interval is 0, expected at least 1"),
        (MaskConfig, {"min_hole": 0.5, "max_hole": 0.5}, r"is 0\.5\.\.0\.5, expected 0 <= min < max <= 1"),
        (MaskConfig, {"max_hole": 1.5}, r"is 0\.0\.\.1\.5, expected 0 <= min < max <= 1"),
    ],
)
def test_refused(cls: type[Any], values: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_dict(cls, values, where="here")


def test_whole_numbers_written_as_floats_are_integers() -> None:
    config = from_dict(GeneratorConfig, {"resolution": 64.0, "z_dim": 8.0})
    assert config == GeneratorConfig(resolution=64, z_dim=8) and repr(config.z_dim) == "8"


@pytest.mark.parametrize(("resolution", "num_ws"), [(16, 6), (64, 10), (256, 14), (512, 16), (1024, 18)])
def test_number_of_latents(resolution: int, num_ws: int) -> None:
    config = GeneratorConfig(resolution=resolution)
    assert (config.num_ws, config.num_styles) == (num_ws, num_ws - 4)
    assert (config.resolutions[0], config.resolutions[-1], len(config.resolutions)) == (4, resolution, num_ws // 2)


def test_channels_of_the_original() -> None:
    sides = (4, 32, 64, 128, 256, 512, 1024)
    for config in (GeneratorConfig(), DiscriminatorConfig()):
        assert [config.channels(side) for side in sides] == [512, 512, 512, 256, 128, 64, 32]


def test_channels_keep_within_their_limits() -> None:
    wide = GeneratorConfig(resolution=256, channel_base=2048, channel_max=192, channel_min=16)
    assert [wide.channels(r) for r in wide.resolutions] == [192, 192, 128, 64, 32, 16, 16]
    assert GeneratorConfig().channels(256) == 128
    with pytest.raises(ConfigError, match="channel_min is 200"):
        GeneratorConfig(channel_max=192, channel_min=200)

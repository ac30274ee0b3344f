"""A run may start from another's weights: everything that fits is taken, averaged where possible."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers import tiny_model_config
from torch import Tensor, nn

from exegan.config import DiscriminatorConfig, ModelConfig
from exegan.errors import WeightsError
from exegan.nets.checkpoint import load_model, save_model
from exegan.nets.discriminator import Discriminator
from exegan.nets.generator import ModulatedConv
from exegan.nets.layers import EqualConv2d, EqualLinear
from exegan.nets.model import Model
from exegan.training.export import copy_fitting_weights


def make_system(resolution: int, w_dim: int = 8) -> nn.ModuleDict:
    """The networks of a training run under the names they have there."""
    discriminator = Discriminator(DiscriminatorConfig(channel_base=128, channel_max=8), resolution)
    return nn.ModuleDict({"model": Model(tiny_model_config(resolution, w_dim)), "discriminator": discriminator})


def save(state: dict[str, Tensor], tmp_path: Path) -> str:
    torch.save({"state_dict": state, "global_step": 1}, tmp_path / "run.ckpt")
    return str(tmp_path / "run.ckpt")


def test_larger_model_starts_from_a_smaller_one_s_blocks(tmp_path: Path) -> None:
    small, large = make_system(16), make_system(32)
    found, before = small.state_dict(), {key: value.clone() for key, value in large.state_dict().items()}
    names = copy_fitting_weights(large, save(found, tmp_path))
    own = large.state_dict()
    copied = [key for key in own if key in found and own[key].shape == found[key].shape]
    assert names == set(copied)
    for key, value in own.items():
        assert torch.equal(value, found[key] if key in copied else before[key]), key
    new = {key for key in own if key not in copied}
    for part in (
        "model.generator.blocks.8.",
        "model.generator.blocks.16.",
        "model.generator.encoder.blocks.16.",
        "model.generator.mapping.",
        "model.style_encoder.blocks.16.",
        "model.style_encoder.heads.4.",
        "model.style_encoder.heads.5.",
        "discriminator.blocks.16.",
        "discriminator.to_logit.",
    ):
        assert not any(key.startswith(part) for key in new), part
    for part in ("model.generator.blocks.32.", "model.style_encoder.heads.7.", "discriminator.blocks.32."):
        assert any(key.startswith(part) for key in new), part


def test_averaged_weights_are_preferred(tmp_path: Path) -> None:
    source, target = make_system(16), make_system(16)
    state = source.state_dict()
    averaged = {key.replace("model.", "model_ema.", 1): value + 1 for key, value in state.items() if "model." in key}
    copy_fitting_weights(target, save(state | averaged, tmp_path))
    for key, value in target.state_dict().items():
        assert torch.equal(value, state[key] + 1 if key.startswith("model.") else state[key]), key


def test_other_widths_take_what_fits(tmp_path: Path) -> None:
    source, target = make_system(16, w_dim=8), make_system(16, w_dim=9)
    before = target.state_dict()["model.mean_w"].shape
    names = copy_fitting_weights(target, save(source.state_dict(), tmp_path))
    assert 0 < len(names) < len(target.state_dict())
    assert target.state_dict()["model.mean_w"].shape == before == (9,)
    key = "model.generator.encoder.from_image.weight"
    assert torch.equal(target.state_dict()[key], source.state_dict()[key])


def test_model_folder_gives_the_model_but_no_discriminator(tmp_path: Path) -> None:
    source, target = Model(tiny_model_config()), make_system(16)
    discriminator = {key: value.clone() for key, value in target["discriminator"].state_dict().items()}
    names = copy_fitting_weights(target, str(save_model(source, tmp_path / "model", {})))
    assert names == {f"model.{key}" for key in source.state_dict()}
    for key, value in source.state_dict().items():
        assert torch.equal(target["model"].state_dict()[key], value), key
    for key, value in discriminator.items():
        assert torch.equal(target["discriminator"].state_dict()[key], value), key


def test_the_bundled_model_has_a_name() -> None:
    bundled = load_model("default")
    target = nn.ModuleDict({"model": Model(bundled.config)})
    copied = copy_fitting_weights(target, "default")
    assert copied == set(target.state_dict())
    for key, value in bundled.state_dict().items():
        assert torch.equal(target["model"].state_dict()[key], value), key


def test_neither_file_nor_model() -> None:
    with pytest.raises(WeightsError, match="is not a folder; give a model folder, or 'default'"):
        copy_fitting_weights(make_system(16), "defautl")


@pytest.mark.parametrize("state", [{}, {"other.weight": torch.ones(2)}, {"model.mean_w": torch.ones(3)}])
def test_nothing_fits(state: dict[str, Tensor], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no weight of .*run\.ckpt fits this model; warm_start needs a model"):
        copy_fitting_weights(make_system(16), save(state, tmp_path))


def test_unreadable_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.ckpt does not exist"):
        copy_fitting_weights(make_system(16), str(tmp_path / "none.ckpt"))
    torch.save({"weights": {}}, tmp_path / "other.ckpt")
    with pytest.raises(WeightsError, match="holds no state_dict"):
        copy_fitting_weights(make_system(16), str(tmp_path / "other.ckpt"))


def widen(config: ModelConfig, most: int) -> ModelConfig:
    """The same networks with more channels."""
    generator = replace(config.generator, channel_base=256, channel_max=most)
    return replace(config, generator=generator, style_encoder=replace(config.style_encoder, channel_max=most))


def test_wider_convolutions_go_on_computing_what_narrower_ones_did(tmp_path: Path) -> None:
    torch.manual_seed(0)
    narrow, wide = EqualConv2d(3, 4, 3), EqualConv2d(5, 7, 3)
    narrow.bias.data.normal_()  # type: ignore[union-attr]
    copy_fitting_weights(wide, save(narrow.state_dict(), tmp_path))
    image = torch.randn(2, 5, 8, 8)
    torch.testing.assert_close(wide(image)[:, :4], narrow(image[:, :3]))
    assert wide(image)[:, 4:].std() > 0.1


def test_wider_modulated_convolutions_go_on_computing_what_narrower_ones_did(tmp_path: Path) -> None:
    torch.manual_seed(0)
    narrow, wide = ModulatedConv(3, 4, 6, 8), ModulatedConv(5, 7, 6, 8)
    copy_fitting_weights(wide, save(narrow.state_dict(), tmp_path))
    image, style = torch.randn(2, 5, 8, 8), torch.randn(2, 6)
    torch.testing.assert_close(wide(image, style, None)[:, :4], narrow(image[:, :3], style, None))


def test_a_wider_model_starts_from_a_narrower_one(tmp_path: Path) -> None:
    config = tiny_model_config()
    narrow, wide = (nn.ModuleDict({"model": Model(one)}) for one in (config, widen(config, 12)))
    names = copy_fitting_weights(wide, save(narrow.state_dict(), tmp_path))
    # Linear layers behind the flattened deepest map have other inputs, which are places side by side.
    left_out = {key for key in wide.state_dict() if key not in names}
    assert left_out == {
        "model.generator.encoder.to_global.weight",
        "model.style_encoder.to_hidden.weight",
    }


def test_narrower_networks_and_wider_codes_take_nothing_that_does_not_fit(tmp_path: Path) -> None:
    wide, narrow = EqualConv2d(5, 7, 3), EqualConv2d(3, 4, 3)
    with pytest.raises(WeightsError, match="no weight"):
        copy_fitting_weights(narrow, save(wide.state_dict(), tmp_path))
    codes, wider = EqualLinear(6, 4), EqualLinear(9, 4)
    assert copy_fitting_weights(wider, save(codes.state_dict(), tmp_path)) == {"bias"}

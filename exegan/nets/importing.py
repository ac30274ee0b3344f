"""The original's published checkpoints → a model folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from exegan.config import DiscriminatorConfig, GeneratorConfig, ModelConfig
from exegan.errors import WeightsError
from exegan.nets.checkpoint import expect_place_for_model, save_model
from exegan.nets.discriminator import Discriminator
from exegan.nets.model import Model
from exegan.nets.original import convert_discriminator, convert_generator, convert_style_encoder
from exegan.weights import load_into, read_checkpoint, sha256_of

_RESOLUTIONS = (256, 512, 1024)
_CARD = """# Model card: {name}

Imported from the original EXE-GAN's published files with `exegan import`; exegan did not train it. Its terms of use are
those of these files, see the original project; exegan's licence does not cover it.

| file | sha256 |
|---|---|
{sources}

Family `paper`, {resolution} px inside the FFHQ-aligned face crop.
"""


def import_original(
    generator: str | Path,
    style_encoder: str | Path,
    folder: str | Path,
    *,
    discriminator: bool = False,
    overwrite: bool = False,
) -> Model:
    """Convert the original's files to a model folder, without executing anything in them.

    Args:
        generator: `EXE_GAN_model_256.pt` or `_512.pt`: a dictionary with `g_ema`, and `d` with `discriminator`. The
            resolution is read off its shapes.
        style_encoder: `psp_ffhq_encode.pt`: a dictionary with `state_dict` (`encoder.*`) and `latent_avg` [18, 512].
        folder: The model folder, made where missing.
        discriminator: Keep the discriminator as well, so that training can go on (`model.warm_start`).
        overwrite: Replace a model that is there.

    Returns:
        The networks as written.

    Raises:
        WeightsError: A file is missing, damaged, wants to execute code, or is of another network.
        InputError: The folder holds other things, or a model and not `overwrite`.
    """
    folder = Path(folder)
    expect_place_for_model(folder, overwrite)
    source = read_checkpoint(generator)
    weights = _part(source, "g_ema", generator)
    config = ModelConfig(generator=GeneratorConfig(resolution=_resolution_of(weights, generator)))
    model = Model(config)
    load_into(model.generator, convert_generator(weights), str(generator))
    load_into(model.style_encoder, read_style_encoder(style_encoder, config.generator), str(style_encoder))
    model.update_mean_w()
    kept = _discriminator_weights(source, generator, config.generator.resolution) if discriminator else None
    sources = {Path(path).name: sha256_of(path) for path in (generator, style_encoder)}
    save_model(model, folder, {"imported_from": sources}, discriminator=kept)
    rows = "\n".join(f"| {name} | {digest} |" for name, digest in sources.items())
    card = _CARD.format(name=folder.name, sources=rows, resolution=config.generator.resolution)
    (folder / "README.md").write_text(card, encoding="utf-8")
    return model.eval().requires_grad_(False)


def _part(content: Mapping[str, Any], key: str, path: str | Path) -> dict[str, Tensor]:
    """The state dict under `key` of a checkpoint."""
    part = content.get(key)
    if not isinstance(part, dict) or not all(isinstance(value, Tensor) for value in part.values()):
        found = ", ".join(map(str, list(content)[:6]))
        raise WeightsError(f"{path} has no state dict {key!r} (it has {found}); is it a file of the original?")
    return part


def _resolution_of(weights: Mapping[str, Tensor], path: str | Path) -> int:
    levels = sum(bool(re.fullmatch(r"to_rgbs\.\d+\.bias", key)) for key in weights)
    resolution: int = 4 * 2**levels
    if resolution not in _RESOLUTIONS:
        raise WeightsError(f"{path} has {levels} decoder levels above 4 px, expected 6, 7 or 8 (256, 512 or 1024 px)")
    return resolution


def read_style_encoder(path: str | Path, config: GeneratorConfig) -> dict[str, Tensor]:
    """Weights of the style encoder `irse50` out of the original's `psp_ffhq_encode.pt`.

    Args:
        path: The file.
        config: The generator whose layers the encoder serves, which decides on its heads.

    Raises:
        WeightsError: The file is missing, damaged, wants to execute code, or is another one.
    """
    content = read_checkpoint(path)
    state = _part(content, "state_dict", path)
    encoder = {key.removeprefix("encoder."): value for key, value in state.items() if key.startswith("encoder.")}
    average = content.get("latent_avg")
    if not isinstance(average, Tensor) or tuple(average.shape) != (18, 512):
        got = list(average.shape) if isinstance(average, Tensor) else "nothing"
        raise WeightsError(f"{path} has {got} as latent_avg, expected a tensor [18, 512]; is it pSp's FFHQ encoder?")
    return convert_style_encoder(encoder, average, config)


def _discriminator_weights(source: Mapping[str, Any], path: str | Path, resolution: int) -> dict[str, Tensor]:
    network = Discriminator(DiscriminatorConfig(), resolution)
    load_into(network, convert_discriminator(_part(source, "d", path)), str(path))
    return network.state_dict()

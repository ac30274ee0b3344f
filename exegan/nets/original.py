"""The original EXE-GAN's published checkpoints → a model folder.

`import_original` reads the files. Each `convert_` function takes the state dict of one original network and returns
ours: entries that are constants there (FIR kernels) or unused here (style heads of the coarse layers) are left out; an
entry that no rule knows is a `WeightsError`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from exegan.config import DiscriminatorConfig, GeneratorConfig, ModelConfig
from exegan.errors import WeightsError
from exegan.io.weights import load_into, read_checkpoint, sha256_of
from exegan.nets.checkpoint import expect_place_for_model, save_model
from exegan.nets.discriminator import Discriminator
from exegan.nets.model import Model

_Rule = tuple[str, str]
_MODULATED: Sequence[_Rule] = (
    (r"conv\.weight", "weight"),
    (r"conv\.modulation\.(weight|bias)", r"affine.\1"),
    (r"noise\.weight", "noise_strength"),
    (r"activate\.bias", "bias"),
    (r"bias", "bias"),
)
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
        discriminator: Keep the discriminator as well, so that training can start from the folder (`model.warm_start`).
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


def convert_generator(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Original generator (`g_ema`) → `exegan.nets.generator.Generator`."""
    depth = sum(bool(re.fullmatch(r"to_rgbs\.\d+\.bias", key)) for key in state)
    resolution = 4 * 2**depth
    rules = [
        *_modulated("conv1", "conv4"),
        *_modulated("to_rgb1", "to_rgb4"),
        (r"noises\.noise_0", "conv4.noise_const"),
    ]
    for k in range(depth):
        block = f"blocks.{8 * 2**k}"
        rules += _modulated(rf"convs\.{2 * k}", f"{block}.conv_up") + _modulated(
            rf"convs\.{2 * k + 1}", f"{block}.conv"
        )
        rules += _modulated(rf"to_rgbs\.{k}", f"{block}.to_rgb")
        rules += [(rf"noises\.noise_{2 * k + 1}", f"{block}.conv_up.noise_const")]
        rules += [(rf"noises\.noise_{2 * k + 2}", f"{block}.conv.noise_const")]
        encoder_block = f"encoder.blocks.{resolution // 2**k}"
        rules += _convolution(rf"encoder_convs\.{2 * k}", f"{encoder_block}.conv")
        rules += _convolution(rf"encoder_convs\.{2 * k + 1}", f"{encoder_block}.down", weight_at=1)
    rules += _convolution("down_from_big", "encoder.from_image") + _convolution("final_layer", "encoder.final_conv")
    rules += [(r"final_linear\.0\.(weight|bias)", r"encoder.to_global.\1")]
    rules += [(r"final_transfer\.(weight|bias)", r"encoder.from_global.\1")]
    # The original's mapping counts its normalisation as layer 0.
    rules += [(rf"style\.{i + 1}\.(weight|bias)", rf"mapping.layers.{i}.\1") for i in range(64)]
    renamed = _rename(state, rules, r".*\.kernel", "generator")
    return {key: _squeeze(key, tensor) for key, tensor in renamed.items()}


def _squeeze(key: str, tensor: Tensor) -> Tensor:
    if tensor.ndim == 5:
        return tensor.squeeze(0)
    return tensor.flatten() if key.endswith("bias") else tensor


def convert_discriminator(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Original discriminator (`d`) → `exegan.nets.discriminator.Discriminator`."""
    depth = sum(bool(re.fullmatch(r"encoder_convs\.\d+\.conv1\.0\.weight", key)) for key in state)
    rules = _convolution("encoder_input_convs", "from_image") + _convolution("final_conv", "final_conv")
    for k in range(depth):
        block = f"blocks.{4 * 2 ** (depth - k)}"
        rules += _convolution(rf"encoder_convs\.{k}\.conv1", f"{block}.conv")
        rules += _convolution(rf"encoder_convs\.{k}\.conv2", f"{block}.down", weight_at=1)
        rules += [(rf"encoder_convs\.{k}\.skip\.1\.weight", f"{block}.skip.weight")]
    rules += [
        (r"final_linear\.0\.(weight|bias)", r"final_linear.\1"),
        (r"final_linear\.1\.(weight|bias)", r"to_logit.\1"),
    ]
    return _rename(state, rules, r".*\.kernel", "discriminator")


def convert_style_encoder(
    state: Mapping[str, Tensor], latent_avg: Tensor, config: GeneratorConfig
) -> dict[str, Tensor]:
    """Original pSp encoder and its `latent_avg` [18, 512] → `exegan.nets.style_encoder.IRSE50StyleEncoder`."""
    used = range(config.num_coarse, config.num_ws)
    rules = [
        (r"(input_layer\..*)", r"\1"),
        (r"body\.(\d+)\.res_layer\.5\.fc1\.weight", r"body.\1.residual.5.squeeze.weight"),
        (r"body\.(\d+)\.res_layer\.5\.fc2\.weight", r"body.\1.residual.5.excite.weight"),
        (r"body\.(\d+)\.res_layer\.(.*)", r"body.\1.residual.\2"),
        (r"body\.(\d+)\.shortcut_layer\.(.*)", r"body.\1.project.\2"),
        (r"latlayer1\.(weight|bias)", r"lateral_middle.\1"),
        (r"latlayer2\.(weight|bias)", r"lateral_fine.\1"),
        (r"styles\.(\d+)\.linear\.(weight|bias)", r"heads.\1.linear.\2"),
    ]
    # A head there is a Sequential of convolution, activation, convolution, …: every second entry has weights.
    most_convolutions = int(math.log2(config.resolution)) + 1
    rules += [
        (rf"styles\.(\d+)\.convs\.{2 * i}\.(weight|bias)", rf"heads.\1.convs.{i}.\2") for i in range(most_convolutions)
    ]
    others = "|".join(str(i) for i in range(18) if i not in used)
    renamed = _rename(state, rules, rf"styles\.({others})\..*", "style encoder")
    renamed["style_avg"] = latent_avg[used.start : used.stop]
    return renamed


def _rename(state: Mapping[str, Tensor], rules: Sequence[_Rule], unused: str, network: str) -> dict[str, Tensor]:
    renamed: dict[str, Tensor] = {}
    unknown = []
    for key, tensor in state.items():
        if re.fullmatch(unused, key):
            continue
        matches = (re.fullmatch(pattern, key) and re.sub(pattern, new, key) for pattern, new in rules)
        name = next((match for match in matches if match), None)
        if name is None:
            unknown.append(key)
        else:
            renamed[name] = tensor
    if unknown:
        shown = ", ".join(map(repr, unknown[:3])) + (f" and {len(unknown) - 3} more" if len(unknown) > 3 else "")
        raise WeightsError(f"the original {network}'s state dict has the unknown entry {shown}; is it another network?")
    return renamed


def _modulated(theirs: str, ours: str) -> list[_Rule]:
    return [(rf"{theirs}\.{tail}", f"{ours}.{new}") for tail, new in _MODULATED]


def _convolution(theirs: str, ours: str, weight_at: int = 0) -> list[_Rule]:
    return [
        (rf"{theirs}\.{weight_at}\.weight", f"{ours}.weight"),
        (rf"{theirs}\.{weight_at + 1}\.bias", f"{ours}.bias"),
    ]

"""Key map of the original EXE-GAN files: their state-dict names → ours.

Each function takes the state dict of one original network and returns ours. Entries that are constants there (FIR
kernels) or that nothing here uses (style heads of layers the exemplar does not own) are left out; an entry that no rule
knows is a `WeightsError`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from torch import Tensor

from exegan.config import GeneratorConfig
from exegan.errors import WeightsError

_Rule = tuple[str, str]

_MODULATED: Sequence[_Rule] = (
    (r"conv\.weight", "weight"),
    (r"conv\.modulation\.(weight|bias)", r"affine.\1"),
    (r"noise\.weight", "noise_strength"),
    (r"activate\.bias", "bias"),
    (r"bias", "bias"),
)


def _modulated(theirs: str, ours: str) -> list[_Rule]:
    return [(rf"{theirs}\.{tail}", f"{ours}.{new}") for tail, new in _MODULATED]


def _convolution(theirs: str, ours: str, weight_at: int = 0) -> list[_Rule]:
    return [
        (rf"{theirs}\.{weight_at}\.weight", f"{ours}.weight"),
        (rf"{theirs}\.{weight_at + 1}\.bias", f"{ours}.bias"),
    ]


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
    """Original pSp encoder and its `latent_avg` [18, 512] → `exegan.nets.irse50.IRSE50StyleEncoder`."""
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

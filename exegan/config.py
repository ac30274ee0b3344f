"""Configurations as frozen dataclasses: what a YAML file, a model folder and the networks' constructors share.

`to_dict` and `from_dict` convert to and from plain JSON types; an unknown key is a `ConfigError`, so no typo passes.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from exegan.errors import ConfigError

T = TypeVar("T")

# Limits that no network of this kind reaches: a damaged file asks for an error, not for all memory.
_LARGEST_RESOLUTION, _LARGEST_WIDTH = 1024, 16384
_LONGEST = 400  # characters of a message


def _require(ok: bool, message: str) -> None:
    if not ok:
        # A damaged file's value may be of any length.
        raise ConfigError(message if len(message) <= _LONGEST else f"{message[:100]} ... {message[-100:]}")


def _at_least(section: str, name: str, value: float, least: float) -> None:
    _require(value >= least, f"{section}.{name} is {value}, expected at least {least}")


def _between(section: str, name: str, value: float, least: float, most: float) -> None:
    _require(least <= value <= most, f"{section}.{name} is {value}, expected {least} to {most}")


def _above_zero(section: str, name: str, value: float) -> None:
    _require(value > 0, f"{section}.{name} is {value}, expected more than 0")


def _power_of_two(section: str, name: str, value: int, least: int, most: int) -> None:
    fits = least <= value <= most and value & (value - 1) == 0
    _require(fits, f"{section}.{name} is {value}, expected a power of two of at least {least}, at most {most}")


def _channels_at(config: Any, resolution: int) -> int:
    """Feature channels at one resolution: they fall with it, between two limits."""
    channels: int = max(config.channel_min, min(config.channel_max, config.channel_base // resolution))
    return channels


@dataclass(frozen=True)
class GeneratorConfig:
    """Shape of the generator (paper, section 3.1). The defaults are the original's at 256 px.

    Args:
        resolution: Side of the square image in pixels; a power of two, at least 16.
        channel_base: Channels at resolution r are `channel_base // r` within the limits below.
        channel_max: Upper limit of the channels of any layer.
        channel_min: Lower limit; lets a model grow to a larger resolution without widening the layers it has.
        z_dim: Width of the random latent z.
        w_dim: Width of w and of each style code.
        global_dim: Width of the global style code of the masked image.
        mapping_layers: Fully connected layers from z to w.
        mapping_lr_mul: Learning-rate multiplier of those layers.
        num_coarse: Layers that follow the stochastic style w; all later ones follow the exemplar.
        global_dropout: Dropout on the global style code in training.
        noise_max: Layers above this resolution learn no noise, which in a short training grows to speckle there.
    """

    resolution: int = 256
    channel_base: int = 32768
    channel_max: int = 512
    channel_min: int = 1
    z_dim: int = 512
    w_dim: int = 512
    global_dim: int = 1024
    mapping_layers: int = 8
    mapping_lr_mul: float = 0.01
    num_coarse: int = 4
    global_dropout: float = 0.5
    noise_max: int = 1024

    channels = _channels_at

    def __post_init__(self) -> None:
        _power_of_two("generator", "resolution", self.resolution, 16, _LARGEST_RESOLUTION)
        for name in ("z_dim", "w_dim", "global_dim", "channel_max"):
            _between("generator", name, getattr(self, name), 1, _LARGEST_WIDTH)
        _between("generator", "channel_min", self.channel_min, 1, self.channel_max)
        _between("generator", "mapping_layers", self.mapping_layers, 1, 64)
        _above_zero("generator", "mapping_lr_mul", self.mapping_lr_mul)
        _between("generator", "global_dropout", self.global_dropout, 0, 1)
        _at_least("generator", "channel_base", self.channel_base, self.resolution)
        _require(
            0 < self.num_coarse < self.num_ws,
            f"generator.num_coarse is {self.num_coarse}, expected 1 to {self.num_ws - 1} at {self.resolution} px",
        )

    @property
    def num_ws(self) -> int:
        """Number of latents the decoder takes: 14 at 256 px."""
        return 2 * int(math.log2(self.resolution)) - 2

    @property
    def num_styles(self) -> int:
        """Number of latents that the exemplar owns: 10 at 256 px."""
        return self.num_ws - self.num_coarse

    @property
    def resolutions(self) -> tuple[int, ...]:
        """All feature resolutions from 4 up to `resolution`."""
        return tuple(2**k for k in range(2, int(math.log2(self.resolution)) + 1))

    def noise_shapes(self) -> list[tuple[int, int]]:
        """Sides (height, width) of every decoder layer's noise picture, first layer first."""
        return [(4, 4)] + [(r, r) for r in self.resolutions[1:] for _ in range(2)]


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Shape of the residual discriminator; channels as in `GeneratorConfig`.

    Args:
        channel_base: Channels at resolution r are `channel_base // r` within the limits below.
        channel_max: Upper limit of the channels of any layer.
        channel_min: Lower limit.
        stddev_group: Samples over which the minibatch standard deviation is taken.
    """

    channel_base: int = 32768
    channel_max: int = 512
    channel_min: int = 1
    stddev_group: int = 4

    channels = _channels_at

    def __post_init__(self) -> None:
        _between("discriminator", "channel_max", self.channel_max, 1, _LARGEST_WIDTH)
        _between("discriminator", "channel_min", self.channel_min, 1, self.channel_max)
        _at_least("discriminator", "channel_base", self.channel_base, 16)
        _at_least("discriminator", "stddev_group", self.stddev_group, 1)


@dataclass(frozen=True)
class ProjectedConfig:
    """The discriminator on frozen features (`losses.projected`) and what it is shown of a picture.

    Args:
        sides: The whole picture reduced to each of these sides; larger ones than the picture's are left out.
        crop: Side of a square cut out around a point of the hole, at full size; 0 = none.
        width: Channels of the layers that are learned.
        parts: Look also at eyes and mouth, at full size, where they lie in pictures aligned as FFHQ's.
    """

    sides: tuple[int, ...] = (32, 64, 128)
    crop: int = 128
    width: int = 64
    parts: bool = False

    def __post_init__(self) -> None:
        for side in self.sides:
            _at_least("projected", "sides", side, 32)
        _require(self.crop == 0 or self.crop >= 32, f"projected.crop is {self.crop}, expected 0 or at least 32")
        _between("projected", "width", self.width, 1, _LARGEST_WIDTH)


@dataclass(frozen=True)
class StyleEncoderConfig:
    """Which network turns an exemplar into style codes.

    Args:
        kind: `irse50` is the original's pSp encoder (frozen, outside weights); `small` is learned with the generator.
        resolution: Side in pixels that the exemplar is resized to before encoding.
        channel_base: `small` only: channels at resolution r are `channel_base // r` within the limits below.
        channel_max: `small` only: upper limit of the channels.
        channel_min: `small` only: lower limit.
    """

    kind: Literal["irse50", "small"] = "irse50"
    resolution: int = 256
    channel_base: int = 4096
    channel_max: int = 256
    channel_min: int = 1

    channels = _channels_at

    def __post_init__(self) -> None:
        _power_of_two("style_encoder", "resolution", self.resolution, 16, _LARGEST_RESOLUTION)
        _at_least("style_encoder", "channel_base", self.channel_base, self.resolution)
        _between("style_encoder", "channel_max", self.channel_max, 1, _LARGEST_WIDTH)
        _between("style_encoder", "channel_min", self.channel_min, 1, self.channel_max)


@dataclass(frozen=True)
class ModelConfig:
    """Everything needed to build the networks of one model folder.

    Args:
        family: `paper` has the original's architecture, `lite` is narrow and learns its own style encoder.
        generator: The generator's shape.
        style_encoder: The style encoder's kind and shape.
    """

    family: Literal["paper", "lite"] = "paper"
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    style_encoder: StyleEncoderConfig = field(default_factory=StyleEncoderConfig)

    def __post_init__(self) -> None:
        fits = self.style_encoder.kind != "irse50" or self.generator.w_dim == 512
        _require(fits, f"generator.w_dim is {self.generator.w_dim}, expected 512 with the style encoder irse50")


@dataclass(frozen=True)
class MaskConfig:
    """How training holes are drawn (`exegan.masks.random`).

    Args:
        recipe: `strokes_and_boxes` or `large_holes` are the two recipes of the original; sizes scale with resolution.
            `mixed` draws holes over parts of the face, strokes, large holes, and now and then takes everything.
        min_hole: Holes covering a smaller share of the picture are drawn again.
        max_hole: Holes covering a larger share of the picture are drawn again.
    """

    recipe: Literal["strokes_and_boxes", "large_holes", "mixed"] = "strokes_and_boxes"
    min_hole: float = 0.0
    max_hole: float = 1.0

    def __post_init__(self) -> None:
        shares = f"{self.min_hole}..{self.max_hole}, expected 0 <= min < max <= 1"
        _require(0 <= self.min_hole < self.max_hole <= 1, f"masks.min_hole..max_hole is {shares}")


@dataclass(frozen=True)
class FrozenNetConfig:
    """A frozen network used by a loss.

    Args:
        name: A name in `exegan.nets.features.FROZEN_NETS`.
        weights: A local weight file; null takes the weights the network's own library downloads.
    """

    name: str = "lpips-vgg"
    weights: str | None = None


@dataclass(frozen=True)
class LossConfig:
    """Weights of the loss terms; a weight of 0 skips the term and its forward pass.

    Args:
        adversarial: Non-saturating logistic loss; at 0 the discriminator of whole pictures is not trained.
        projected: Hinge loss of a discriminator of the hole's patches, on frozen features (0 in the paper).
        attribute: Attribute similarity between completed picture and exemplar, through the interior weight map.
        perceptual: Perceptual distance to the truth, through the boundary weight map, on reconstruction samples: those
            that are their own exemplar or have none.
        identity: 1 - cosine similarity of completed picture and exemplar under a recognition network.
        identity_contrast: Weight within `identity` of the mean similarity to other exemplars (0 in the paper).
        identity_grey: Recognition sees no colours, and so cannot ask for false ones (not in the paper).
        reconstruction: Mean absolute error inside the hole on the same samples; trains the `small` style encoder (0 in
            the paper, whose encoder is frozen).
        rim: Mean absolute error of the generated image in a narrow band on both sides of the hole's rim, on every
            sample: the colours around the hole continue into it (0 in the paper).
        r1: Gradient penalty gamma of the discriminator.
        r1_interval: Batches between two R1 steps (lazy regularisation).
        path_length: Weight of the path length penalty.
        path_length_interval: Batches between two path length steps.
        path_length_shrink: Share of the batch used for it is 1 / this.
        path_length_decay: Decay of the running mean of path lengths.
        diversity: Two completions of one hole from different z are driven apart to a target (0 in the paper).
        diversity_interval: Batches between two diversity steps, each on half a batch.
        diversity_target: Mean absolute difference deep inside the hole that is enough, of pictures in [-1, 1].
        feature_matching: Perceptual distance to the truth in the views of the discriminator on frozen features, on the
            samples of the perceptual term (0 in the paper).
        perceptual_net: Frozen network of the perceptual term.
        projected_net: Frozen network of the discriminator on frozen features; null takes the perceptual term's.
        perceptual_side: Larger pictures are reduced to this side for the perceptual network; 0 = never.
        identity_net: Frozen network of the identity term.
    """

    adversarial: float = 1.0
    projected: float = 0.0
    attribute: float = 0.1
    perceptual: float = 0.5
    identity: float = 0.1
    reconstruction: float = 0.0
    rim: float = 0.0
    r1: float = 10.0
    r1_interval: int = 16
    path_length: float = 2.0
    path_length_interval: int = 4
    path_length_shrink: int = 2
    path_length_decay: float = 0.01
    diversity: float = 0.0
    diversity_interval: int = 8
    diversity_target: float = 0.1
    perceptual_net: FrozenNetConfig = field(default_factory=FrozenNetConfig)
    identity_net: FrozenNetConfig = field(default_factory=lambda: FrozenNetConfig(name="facenet"))
    perceptual_side: int = 0
    identity_contrast: float = 0.0
    identity_grey: bool = False
    feature_matching: float = 0.0
    projected_net: FrozenNetConfig | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, (int, float)):
                _at_least("losses", name, value, 1 if name.endswith(("_interval", "_shrink")) else 0)
        _require(self.diversity_target > 0, f"losses.diversity_target is {self.diversity_target}, expected above 0")


@dataclass(frozen=True)
class AugmentConfig:
    """Transforms between pictures and discriminator, the same for real and completed ones; for small sets.

    Args:
        policy: `diffaugment` transforms every picture; `ada` each with a chance p per transform, which rises while the
            discriminator is too sure of real pictures and falls otherwise.
        color: Transform colours: brightness, contrast, saturation; with `ada` also hue and negative brightness.
        geometry: Shift; with `ada` also mirror, turn, zoom and stretch.
        cutout: Blank a square of half a side (`diffaugment` only).
        target: Mean sign of the discriminator's opinion of real pictures that `ada` keeps; 0.6 = 80 % held for real.
        speed_kimg: Thousands of images in which p goes from 0 to 1 at most.
        interval: Batches between two changes of p.
        initial_p: The p that a run starts with.
    """

    policy: Literal["none", "diffaugment", "ada"] = "none"
    color: bool = True
    geometry: bool = True
    cutout: bool = True
    target: float = 0.6
    speed_kimg: float = 500.0
    interval: int = 4
    initial_p: float = 0.0

    def __post_init__(self) -> None:
        drawn = self.color or self.geometry or (self.cutout and self.policy == "diffaugment")
        remedy = "switch on color or geometry, or set policy to none"
        _require(drawn or self.policy == "none", f"augment.policy is {self.policy} without a transform; {remedy}")
        _between("augment", "target", self.target, -1, 1)
        _between("augment", "initial_p", self.initial_p, 0, 1)
        _above_zero("augment", "speed_kimg", self.speed_kimg)
        _at_least("augment", "interval", self.interval, 1)


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam for both networks; lazy regularisation rescales rate and betas by interval / (interval + 1).

    Args:
        lr: Learning rate of the generator.
        discriminator_lr: Learning rate of the discriminator.
        betas: Adam's decay rates before rescaling.
    """

    lr: float = 0.002
    discriminator_lr: float = 0.002
    betas: tuple[float, float] = (0.0, 0.99)

    def __post_init__(self) -> None:
        _above_zero("optimizers", "lr", self.lr)
        _above_zero("optimizers", "discriminator_lr", self.discriminator_lr)
        fits = all(0 <= beta < 1 for beta in self.betas)
        _require(fits, f"optimizers.betas is {list(self.betas)}, expected two numbers from 0 to below 1")


@dataclass(frozen=True)
class RunConfig:
    """Where a training run writes and how long it goes on.

    Args:
        dir: Folder of the run: checkpoints, logs, sample grids and the averaged model.
        total_kimg: Thousands of images after which training ends.
        save_kimg: Thousands of images between two checkpoints.
        grid_kimg: Thousands of images between two sample grids.
        validation_kimg: Thousands of images between two measurements on held-out faces.
        validation_faces: At most so many held-out faces are measured.
        keep_checkpoints: Older checkpoints than this many are removed.
        wandb: Project of Weights & Biases that figures and grids also go to; null = none.
    """

    dir: str
    total_kimg: float
    save_kimg: float = 50.0
    grid_kimg: float = 10.0
    validation_kimg: float = 10.0
    validation_faces: int = 256
    keep_checkpoints: int = 2
    wandb: str | None = None

    def __post_init__(self) -> None:
        for name in ("total_kimg", "save_kimg", "grid_kimg", "validation_kimg"):
            _above_zero("run", name, getattr(self, name))
        for name in ("keep_checkpoints", "validation_faces"):
            _at_least("run", name, getattr(self, name), 1)


def to_dict(config: Any) -> dict[str, Any]:
    """Plain JSON types of a configuration dataclass."""
    return dataclasses.asdict(config)


def from_dict(cls: type[T], values: Any, where: str = "config") -> T:
    """Build the dataclass `cls` from plain values.

    Args:
        cls: One of the dataclasses above.
        values: Mapping of field values; nested dataclasses as nested mappings. Missing fields take their defaults.
        where: Name of this level in error messages.

    Raises:
        ConfigError: A key is unknown or missing, or a value has the wrong type or cannot work.
    """
    _require(isinstance(values, Mapping), f"{where} is {values!r}, expected a mapping of {cls.__name__}")
    hints = typing.get_type_hints(cls)
    unknown = sorted(set(values) - set(hints))
    _require(not unknown, f"{where} has unknown key {', '.join(unknown)}; expected some of {', '.join(hints)}")
    for known in dataclasses.fields(cls):  # type: ignore[arg-type]
        optional = known.default is not dataclasses.MISSING or known.default_factory is not dataclasses.MISSING
        _require(optional or known.name in values, f"{where} has no {known.name}, expected one; add it")
    return cls(**{key: _convert(hints[key], value, f"{where}.{key}") for key, value in values.items()})


def _convert(hint: Any, value: Any, where: str) -> Any:
    """`value` as the annotation `hint` says, or a `ConfigError`."""
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value, where)
    options = typing.get_args(hint)
    if len(nested := [option for option in options if dataclasses.is_dataclass(option)]) == 1:  # or None
        return None if value is None else _convert(nested[0], value, where)
    if typing.get_origin(hint) is Literal:
        _require(value in options, f"{where} is {value!r}, expected one of {options}")
        return value
    if typing.get_origin(hint) is tuple:
        any_length = options[-1] is Ellipsis
        fits = isinstance(value, (list, tuple)) and (any_length or len(value) == len(options))
        _require(fits, f"{where} is {value!r}, expected a list" + ("" if any_length else f" of {len(options)}"))
        options = options[:1] * len(value) if any_length else options
        return tuple(_convert(option, item, where) for option, item in zip(options, value, strict=True))
    if hint in (int, float):
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
        _require(number and (hint is float or value == int(value)), f"{where} is {value!r}, expected {hint.__name__}")
        return hint(value)
    _require(isinstance(value, hint), f"{where} is {value!r}, expected {getattr(hint, '__name__', hint)}")
    return value

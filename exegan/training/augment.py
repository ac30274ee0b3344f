"""Adaptive augmentation of the discriminator's pictures (Karras et al. 2020).

The original shows its discriminator real images through one augmentation and completed ones through another, by which
they can be distinguished. Here one call takes all images to be compared and gives them one draw: sample i of the real
and of the completed images, equal outside the hole, stay equal outside the hole. Draws come from PyTorch's default CPU
generator, so that a seed gives the same ones on every device.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from exegan.config import AugmentConfig
from exegan.ops.transform import (
    Transform,
    brighten,
    chain,
    contrast,
    flip_brightness,
    rotate,
    saturate,
    scale,
    translate,
    turn_hue,
)


def draw_diffaugment(batch: int, size_hw: tuple[int, int], color: bool, geometry: bool, cutout: bool) -> Transform:
    """Draw DiffAugment (Zhao et al. 2020), which transforms every sample.

    Colour: brightness ±0.5, saturation 0 to 2, contrast 0.5 to 1.5 about mid-grey. Geometry: a shift of whole pixels up
    to an eighth of a side. Cutout: a square of half a side, its centre anywhere in the picture.
    """
    sides = torch.tensor([float(side) for side in size_hw])
    brightness, saturation, contrasts = torch.rand(3, batch)
    recolor = chain(brighten(brightness - 0.5), saturate(2 * saturation), contrast(0.5 + contrasts))
    furthest = (sides / 8).floor()
    shift = (torch.rand(batch, 2) * (2 * furthest + 1)).floor() - furthest
    corner = (torch.rand(batch, 2) * sides).floor() - (sides / 4).floor()
    return Transform(
        recolor if color else None, translate(shift.flip(1)) if geometry else None, corner if cutout else None
    )


def draw_ada(batch: int, size_hw: tuple[int, int], color: bool, geometry: bool, p: float) -> Transform:
    """Draw ADA's transforms (Karras et al. 2020, appendix B, without filters and corruptions), each with chance `p`."""
    recolor = _ada_color(batch, p) if color else None
    return Transform(recolor, _ada_affine(batch, size_hw, p) if geometry else None)


def _ada_affine(batch: int, size_hw: tuple[int, int], p: float) -> Tensor:
    """Pixel blitting (mirror, quarter turns, whole-pixel shift), then zoom, turn, stretch, turn, shift → [B, 3, 3]."""
    size_xy = torch.tensor([float(size_hw[1]), float(size_hw[0])])
    # The turns before and after the stretch have chance p together.
    p_turn = 1 - math.sqrt(1 - p)
    mirror = _maybe(p, 1 - 2.0 * torch.randint(0, 2, (batch,)), 1)
    quarters = _maybe(p, math.pi / 2 * torch.randint(0, 4, (batch,)), 0)
    whole = _maybe(p, ((torch.rand(batch, 2) - 0.5) / 4 * size_xy).round(), 0)
    zoom = _maybe(p, torch.exp2(0.2 * torch.randn(batch)), 1)
    before, after = (_maybe(p_turn, math.pi * (2 * torch.rand(batch) - 1), 0) for _ in range(2))
    stretch = _maybe(p, torch.exp2(0.2 * torch.randn(batch)), 1)
    shift = _maybe(p, torch.randn(batch, 2) / 8 * size_xy, 0)
    return chain(
        scale(mirror, torch.ones(batch)),
        rotate(quarters),
        translate(whole),
        scale(zoom, zoom),
        rotate(before),
        scale(stretch, 1 / stretch),
        rotate(after),
        translate(shift),
    )


def _ada_color(batch: int, p: float) -> Tensor:
    """Brightness, contrast, brightness flip, hue, saturation → [B, 4, 4]."""
    return chain(
        brighten(_maybe(p, 0.2 * torch.randn(batch), 0)),
        contrast(_maybe(p, torch.exp2(0.5 * torch.randn(batch)), 1)),
        flip_brightness(_maybe(p, torch.randint(0, 2, (batch,)).float(), 0)),
        turn_hue(_maybe(p, math.pi * (2 * torch.rand(batch) - 1), 0)),
        saturate(_maybe(p, torch.exp2(torch.randn(batch)), 1)),
    )


def _maybe(p: float, drawn: Tensor, neutral: float) -> Tensor:
    """`drawn` [B] or [B, 2] for a share `p` of the samples, `neutral` for the others."""
    chosen = torch.rand(len(drawn)) < p
    return torch.where(chosen if drawn.ndim == 1 else chosen[:, None], drawn, neutral)


class DiscriminatorAugment(nn.Module):
    """What stands in front of the discriminator in all its uses; gradients pass through to the pictures.

    Args:
        config: The policy and its pace.

    Attributes:
        p: Chance of each of ADA's transforms, scalar in [0, 1]; in the checkpoint.
        real_sign: E[sign(D(real))] over the last whole interval and all devices, scalar in [-1, 1]; it nears 1 when
            the discriminator knows the training set by heart.
    """

    p: Tensor
    real_sign: Tensor
    _signs: Tensor
    _batches: Tensor

    def __init__(self, config: AugmentConfig) -> None:
        super().__init__()
        self.config = config
        self.adaptive = config.policy == "ada"
        self.register_buffer("p", torch.tensor(float(config.initial_p)))
        self.register_buffer("real_sign", torch.zeros(()))
        self.register_buffer("_signs", torch.zeros(2))  # their sum and number in this interval
        self.register_buffer("_batches", torch.zeros((), dtype=torch.int64))
        self.register_load_state_dict_pre_hook(_fill_missing)  # type: ignore[no-untyped-call]

    def forward(self, *batches: Tensor) -> tuple[Tensor, ...]:
        """Transform batches of equal shape [B, 3, H, W], about [-1, 1]; sample i of each in the same way.

        Raises:
            ValueError: The shapes differ.
        """
        shapes = {tuple(batch.shape) for batch in batches}
        if len(shapes) != 1:
            raise ValueError(f"got batches of shapes {sorted(shapes)}, expected one shape; they share one draw")
        # A draw is some dozen small products, whose coordinates half precision would round to whole pixels.
        with torch.autocast("cpu", enabled=False):
            transform = self._draw(*shapes.pop())
        return tuple(transform(batch) for batch in batches)

    def _draw(self, batch: int, _channels: int, height: int, width: int) -> Transform:
        config = self.config
        if config.policy == "diffaugment":
            return draw_diffaugment(batch, (height, width), config.color, config.geometry, config.cutout)
        p = float(self.p) if self.adaptive else 0.0
        return draw_ada(batch, (height, width), config.color, config.geometry, p) if p > 0 else Transform()

    @torch.no_grad()
    def update(self, real_logits: Tensor) -> None:
        """Count a batch; every `interval` batches take stock and, with ADA, move `p` by a step.

        Args:
            real_logits: [B], of one batch of augmented real pictures on this device.
        """
        signs = torch.stack([real_logits.sign().sum(), real_logits.new_tensor(len(real_logits))]).to(self._signs)
        # Summed at once, so that the buffers are the same on every device whenever they are saved or broadcast.
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(signs)
        self._signs += signs
        self._batches += 1
        if int(self._batches) % self.config.interval == 0:
            total, images = self._signs
            self.real_sign.copy_(total / images)
            if self.adaptive:
                step = (self.real_sign - self.config.target).sign() * images / (self.config.speed_kimg * 1000)
                self.p.add_(step).clamp_(0, 1)
            self._signs.zero_()


def _fill_missing(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Let a run go on from a checkpoint written before there was augmentation."""
    for name, value in module.named_buffers():
        state.setdefault(prefix + name, value)

"""Augmentation of what the discriminator sees, for small sets: DiffAugment, and ADA whose strength adapts.

The published original showed its discriminator real pictures through one augmentation and completed ones through
another, which tells them apart by itself. Here one call takes all pictures to be compared and gives them one draw:
sample i of the real and of the completed pictures, equal outside the hole, stay equal outside the hole.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from exegan.config import AugmentConfig
from exegan.ops.transform import Transform
from exegan.training.draws import draw_ada, draw_diffaugment


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

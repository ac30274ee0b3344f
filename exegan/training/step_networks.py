"""The networks as a training step calls them, compiled where that is wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from exegan.nets.model import Model


@dataclass(frozen=True)
class StepNetworks:
    """Callables for the parts of a step that need first derivatives only.

    `torch.compile` cannot differentiate twice, so R1 and the path length call the modules themselves. Held outside the
    module tree: a compiled module inside it would double every entry of the state dict.
    """

    generator: Callable[..., Tensor]
    style_encoder: Callable[[Tensor], Tensor]
    attribute_encoder: Callable[[Tensor], Tensor]
    discriminator: Callable[[Tensor], Tensor]


def make_step_networks(
    model: Model, average: Model, discriminator: nn.Module, compile_networks: bool = False
) -> StepNetworks:
    """Networks of a step.

    Args:
        model: The networks in training.
        average: Their moving average, whose style encoder measures attributes: a learned one could lower the
            attribute term by changing itself.
        discriminator: The discriminator in training.
        compile_networks: Compile each on its first call.
    """
    modules: list[nn.Module] = [model.generator, model.style_encoder, average.style_encoder, discriminator]
    return StepNetworks(*(torch.compile(module) if compile_networks else module for module in modules))

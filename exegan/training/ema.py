"""Moving average of weights, paced in images so that it does not depend on the batch size."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def make_average(module: ModuleT) -> ModuleT:
    """A frozen copy of `module` in evaluation mode, to be moved by `update_average`; what is frozen is shared."""
    shared = {id(child): child for child in frozen_children(module).values()}
    return copy.deepcopy(module, shared).eval().requires_grad_(False)


def frozen_children(module: nn.Module) -> dict[str, nn.Module]:
    """Children with weights of which none is trained, by name."""
    parameters = {name: list(child.parameters()) for name, child in module.named_children()}
    return {
        name: module.get_submodule(name)
        for name, found in parameters.items()
        if found and not any(one.requires_grad for one in found)
    }


def decay_for(batch_images: int, images_seen: int, half_life_kimg: float, rampup: float) -> float:
    """Decay of one step.

    Args:
        batch_images: Images of this step, over all devices.
        images_seen: Images before this step.
        half_life_kimg: Thousands of images after which an old weight counts half.
        rampup: The half-life is at most this share of `images_seen`, so that early weights are forgotten soon; 0 = off.

    Returns:
        0.5 ** (batch_images / half-life): 0.9922 for 64 images at a half-life of 5.66 kimg, 0.5 at 0.064 kimg.
    """
    half_life = half_life_kimg * 1000
    if rampup:
        half_life = min(half_life, images_seen * rampup)
    return float(0.5 ** (batch_images / max(half_life, 1e-8)))


@torch.no_grad()
def update_average(average: nn.Module, module: nn.Module, decay: float) -> None:
    """average ← module + decay · (average - module) for parameters; buffers are copied."""
    for old, new in zip(average.parameters(), module.parameters(), strict=True):
        if old is not new:
            old.lerp_(new, 1 - decay)
    for old_buffer, new_buffer in zip(average.buffers(), module.buffers(), strict=True):
        old_buffer.copy_(new_buffer)

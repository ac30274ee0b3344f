"""The model as a method: at its own resolution inside, at the masks' size outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from exegan.errors import InputError
from exegan.evaluation.cases import Cases, Pixels
from exegan.evaluation.pairing import picture_seed
from exegan.images import to_tensor, to_uint8
from exegan.inpainter import Inpainter
from exegan.ops.composite import composite
from exegan.ops.resample import resize

Exemplar = Literal["frozen", "random", "self"]
_NAMES = {"frozen": "model", "random": "model, random exemplar", "self": "model, itself as exemplar"}


class ModelMethod:
    """Completes faces with a model.

    Where the model's resolution is another than the pictures', it gets a picture made of known pixels alone, and what
    it draws is resized to the pictures' size (antialiased bilinear both ways) before it is put into the hole. So a
    small model is measured on what a person sees, blur included, and known pixels stay as they are.

    Args:
        inpainter: The model.
        exemplar: `frozen`: the case's exemplar; `random`: the random other face; `self`: the case's own true picture.
        seed: Of the model's random numbers, which each case draws for itself.
    """

    uses_mask = True

    def __init__(self, inpainter: Inpainter, exemplar: Exemplar = "frozen", seed: int = 0) -> None:
        self.name = _NAMES[exemplar]
        self.keeps = self.samples = exemplar == "frozen"
        self._inpainter, self._exemplar, self._seed = inpainter, exemplar, seed

    def complete(self, cases: Cases, bin_name: str, numbers: Sequence[int], sample: int) -> list[Pixels]:
        images = to_tensor([cases.portrait(number) for number in numbers])
        mask = torch.stack([_mask(cases, bin_name, number) for number in numbers])
        exemplars = to_tensor([cases.portrait(self._exemplar_of(cases, number)) for number in numbers])
        seeds = [picture_seed(cases.stems[number], bin_name, self._seed + sample) for number in numbers]
        completed = complete_at(self._inpainter, images, mask, exemplars, seeds)
        for number, picture in zip(numbers, completed, strict=True):
            if not torch.isfinite(picture).all():
                stem = cases.stems[number]
                raise InputError(
                    f"the model's picture of {stem} is not finite (NaN); the model is damaged, export it again"
                )
        return list(to_uint8(completed))

    def facts(self) -> dict[str, Any]:
        return {"exemplar": self._exemplar, "seed": self._seed}

    def _exemplar_of(self, cases: Cases, number: int) -> int:
        table = {"frozen": cases.exemplars, "random": cases.others, "self": np.arange(len(cases.stems))}
        numbers = table[self._exemplar]
        if numbers is None:
            raise ValueError(f"{self.name} needs exemplars")
        return int(numbers[number])


def complete_at(inpainter: Inpainter, image: Tensor, mask: Tensor, exemplar: Tensor, seeds: Sequence[int]) -> Tensor:
    """Complete pictures of any size with a model of another resolution.

    Args:
        inpainter: The model, of resolution R.
        image: [B, 3, S, S] in [-1, 1]; pixels in the hole have no influence.
        mask: [B, 1, S, S], 1 = hole.
        exemplar: [B, 3, S, S] in [-1, 1].
        seeds: One for each picture.

    Returns:
        [B, 3, S, S] on the CPU: the model's inside the hole, `image` outside.
    """
    side, size = inpainter.resolution, image.shape[-1]
    small_image, small_mask = shrink_known(image, mask, side)
    completed = inpainter.complete(small_image, small_mask, exemplar, seed=list(seeds)).cpu()
    return composite(resize(completed, size), image, mask)


def shrink_known(image: Tensor, mask: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Picture and hole at another side, each pixel the weighted mean of known ones alone.

    Args:
        image: [B, 3, S, S] in [-1, 1].
        mask: [B, 1, S, S], 1 = hole.
        side: The wanted one, R.

    Returns:
        [B, 3, R, R], and [B, 1, R, R] with 1 wherever a pixel lies partly in the hole.
    """
    known = 1 - mask
    weight = resize(known, side)
    shrunk = resize(image * known, side) / weight.clamp(min=1e-6)
    size = image.shape[-1]
    if side == size:
        return image * known, mask
    # The part of the hole in a pixel's own area; the filter of `resize` reaches farther.
    part = F.adaptive_max_pool2d(mask, side) if side < size else F.interpolate(mask, size=(side, side))
    return shrunk.clamp(-1, 1), part


def _mask(cases: Cases, bin_name: str, number: int) -> Tensor:
    mask = cases.mask(bin_name, number)
    if mask is None:
        raise ValueError("the model needs masks")
    return torch.from_numpy(mask).float()[None]

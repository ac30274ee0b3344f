"""The model as a method: at its own resolution inside, at the masks' size outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from exegan.errors import InputError
from exegan.evaluation.cases import Cases, Pixels
from exegan.evaluation.pairing import picture_seed
from exegan.faces.paste import paste
from exegan.images import to_tensor, to_uint8
from exegan.inpainter import Inpainter
from exegan.inpainter.options import DEFAULTS, Options
from exegan.ops.composite import composite
from exegan.ops.resample import resize

Exemplar = Literal["frozen", "random", "self"]
_NAMES = {"frozen": "model", "random": "model, random exemplar", "self": "model, itself as exemplar"}


class ModelMethod:
    """Completes faces with a model.

    Where the model's resolution is another than the pictures', it gets a picture made of known pixels alone, and what
    it draws is resized to the pictures' size. So a small model is measured on what a person sees, blur included, and
    known pixels stay as they are.

    Args:
        inpainter: The model.
        exemplar: `frozen`: the case's exemplar; `random`: the random other face; `self`: the case's own true picture.
        seed: Of the model's random numbers, which each case draws for itself.
        raw: Put what the model draws into the hole as it is, in place of pasting it as `exegan inpaint` does.
    """

    uses_mask = True

    def __init__(
        self, inpainter: Inpainter, exemplar: Exemplar = "frozen", seed: int = 0, *, raw: bool = False
    ) -> None:
        self.name = _NAMES[exemplar]
        self.keeps = self.samples = exemplar == "frozen"
        self._inpainter, self._exemplar, self._seed, self._raw = inpainter, exemplar, seed, raw

    def complete(self, cases: Cases, bin_name: str, numbers: Sequence[int], sample: int) -> list[Pixels]:
        pictures = [cases.portrait(number) for number in numbers]
        holes = [_mask(cases, bin_name, number) for number in numbers]
        exemplars = to_tensor([cases.portrait(self._exemplar_of(cases, number)) for number in numbers])
        seeds = [picture_seed(cases.stems[number], bin_name, self._seed + sample) for number in numbers]
        drawn = draw_at(self._inpainter, pictures, holes, exemplars, seeds)
        for number, picture in zip(numbers, drawn, strict=True):
            if not torch.isfinite(picture).all():
                stem = cases.stems[number]
                raise InputError(
                    f"the model's picture of {stem} is not finite (NaN); the model is damaged, export it again"
                )
        fill = fill_raw if self._raw else fill_pasted
        return [fill(*one) for one in zip(pictures, holes, drawn, strict=True)]

    def facts(self) -> dict[str, Any]:
        return {"exemplar": self._exemplar, "seed": self._seed, "raw": self._raw}

    def _exemplar_of(self, cases: Cases, number: int) -> int:
        table = {"frozen": cases.exemplars, "random": cases.others, "self": np.arange(len(cases.stems))}
        numbers = table[self._exemplar]
        if numbers is None:
            raise ValueError(f"{self.name} needs exemplars")
        return int(numbers[number])


def draw_at(
    inpainter: Inpainter,
    pictures: Sequence[Pixels],
    holes: Sequence[NDArray[np.bool_]],
    exemplar: Tensor,
    seeds: Sequence[int],
    options: Options = DEFAULTS,
) -> Tensor:
    """What a model draws for pictures of any one size.

    Args:
        inpainter: The model, of resolution R.
        pictures: [S, S, 3] each; pixels in the hole have no influence.
        holes: [S, S] each, True = hole.
        exemplar: [B, 3, H, W] in [-1, 1].
        seeds: One for each picture.
        options: Exemplar strength and what else there is to choose.

    Returns:
        Whole pictures [B, 3, R, R] on the CPU, about [-1, 1].
    """
    mask = torch.from_numpy(np.stack(holes))[:, None].float()
    small_image, small_mask = shrink_known(to_tensor(pictures), mask, inpainter.resolution)
    return inpainter.generate(small_image, small_mask, exemplar, seed=list(seeds), options=options).cpu()


def fill_pasted(picture: Pixels, hole: NDArray[np.bool_], drawn: Tensor) -> Pixels:
    """A picture [S, S, 3] with what was drawn [3, R, R] pasted into its hole as `exegan inpaint` does."""
    scale = drawn.shape[-1] / len(picture)
    return paste(picture, drawn, hole, np.array([[scale, 0, 0], [0, scale, 0]]))


def fill_raw(picture: Pixels, hole: NDArray[np.bool_], drawn: Tensor) -> Pixels:
    """A picture [S, S, 3] with what was drawn [3, R, R] in its hole, resized and nothing else."""
    mask = torch.from_numpy(hole)[None, None].float()
    filled: Pixels = to_uint8(composite(resize(drawn[None], len(picture)), to_tensor(picture), mask))[0]
    return filled


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


def _mask(cases: Cases, bin_name: str, number: int) -> NDArray[np.bool_]:
    mask = cases.mask(bin_name, number)
    if mask is None:
        raise ValueError("the model needs masks")
    return mask

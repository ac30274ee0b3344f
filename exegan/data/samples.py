"""Training samples as a pure function of their number.

Sample n of a run (which image, which exemplar, which hole, mirrored or not) depends on the seed and n alone. So a run
that is resumed after n samples sees exactly what it would have seen, whatever the number of workers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from exegan.config import MaskConfig
from exegan.data.sources import FaceSource, to_square
from exegan.errors import InputError
from exegan.images import to_tensor
from exegan.masks.random import draw_mask


class Sample(TypedDict):
    """One training sample, or a batch of them with a leading B.

    `image` and `exemplar` are [3, R, R] in [-1, 1], `mask` is [1, R, R] with 1 = hole, `is_self` is True where the
    exemplar is the image itself, `name` is the image's.
    """

    image: Tensor
    exemplar: Tensor
    mask: Tensor
    is_self: Tensor
    name: str


class SampleStream(Dataset[Sample]):
    """Endless random samples from a set of faces; index it with any number from 0 up.

    Args:
        source: The faces.
        resolution: Side of the samples in pixels.
        masks: How holes are drawn.
        self_exemplar_prob: Probability that a sample is its own exemplar.
        mirror: Flip half of the faces left-right.
        seed: Seed of the whole stream.

    Raises:
        InputError: The set has fewer than two faces, so that there is no exemplar to choose.
    """

    def __init__(
        self,
        source: FaceSource,
        resolution: int,
        masks: MaskConfig,
        self_exemplar_prob: float,
        mirror: bool,
        seed: int,
    ) -> None:
        if len(source.names) < 2:
            raise InputError("the data holds 1 face; expected at least 2, so that a face can have another as exemplar")
        self.source, self.resolution, self.masks = source, resolution, masks
        self.self_exemplar_prob, self.mirror, self.seed = self_exemplar_prob, mirror, seed
        self._shuffled: tuple[int, np.ndarray] = (-1, np.empty(0, dtype=np.int64))

    def __getitem__(self, number: int) -> Sample:
        count = len(self.source.names)
        rng = np.random.default_rng((self.seed, 1, number))
        index = int(self._order(number // count)[number % count])
        is_self = bool(rng.random() < self.self_exemplar_prob)
        # Any other face, all equally likely.
        other = index if is_self else (index + int(rng.integers(1, count))) % count
        flip, flip_other = rng.random(2) < 0.5 * self.mirror
        image = self._read(index, flip)
        mask = torch.from_numpy(draw_mask(rng, self.resolution, self.masks)).float()[None]
        return {
            "image": image,
            "exemplar": image if is_self else self._read(other, flip_other),
            "mask": mask,
            "is_self": torch.tensor(is_self),
            "name": self.source.names[index],
        }

    def _order(self, epoch: int) -> np.ndarray:
        if self._shuffled[0] != epoch:
            rng = np.random.default_rng((self.seed, 0, epoch))
            self._shuffled = (epoch, rng.permutation(len(self.source.names)))
        return self._shuffled[1]

    def _read(self, index: int, flip: bool) -> Tensor:
        image = to_tensor(to_square(self.source.read(index), self.resolution))[0]
        return image.flip(2) if flip else image


class EndlessSampler(Sampler[int]):
    """The numbers `first`, `first` + `stride`, … without end; one process of several takes every `stride`-th."""

    def __init__(self, first: int, stride: int = 1) -> None:
        self.first, self.stride = first, stride

    def __iter__(self) -> Iterator[int]:
        return itertools.count(self.first, self.stride)

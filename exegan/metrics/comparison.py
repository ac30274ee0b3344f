"""Completed pictures beside the truth, and what networks see in them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exegan.images import to_tensor

Pictures = NDArray[np.uint8]
Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """What a network sees in pictures: `maps` for perceptual distances, `features` [B, D]; one may be missing."""

    maps: list[Tensor] = field(default_factory=list)
    features: Tensor | None = None


class Network(Protocol):
    """A network for metrics; `key` tells networks and their weights apart."""

    @property
    def key(self) -> str: ...

    def look(self, image: Tensor) -> Look:
        """At pictures [B, 3, H, W] in [-1, 1]."""


class Shown:
    """Pictures as stored, 8-bit RGB [B, H, W, 3], and what networks saw in them, each of which looks once."""

    def __init__(self, pixels: Pictures) -> None:
        self.pixels = pixels
        self._looks: dict[str, Look] = {}

    def through(self, network: Network) -> Look:
        """What a network sees."""
        if network.key not in self._looks:
            with torch.no_grad():
                self._looks[network.key] = network.look(to_tensor(list(self.pixels)))
        return self._looks[network.key]


@dataclass(frozen=True)
class Comparison:
    """Completed pictures beside the truth.

    Args:
        completed: B pictures.
        truth: The true ones, of the same size.
        mask: Bool [B, H, W], True = hole; None where it is not known.
        second: Other completions of the same holes, from other random numbers; None where there are none.
    """

    completed: Shown
    truth: Shown
    mask: NDArray[np.bool_] | None = None
    second: Shown | None = None

    @cached_property
    def difference(self) -> NDArray[np.float64]:
        """`completed - truth` [B, H, W, 3], in levels of 0..255."""
        return self.completed.pixels.astype(np.float64) - self.truth.pixels

    @property
    def hole(self) -> NDArray[np.bool_]:
        """The mask, for metrics that need it."""
        if self.mask is None:
            raise ValueError("this metric needs a mask; the runner leaves it out where there is none")
        return self.mask


def columns(*values: NDArray[np.float64]) -> Rows:
    """Numbers [B] side by side → rows [B, len(values)]."""
    return np.stack(values, axis=1).astype(np.float64)


def mean_in_hole(values: NDArray[np.float64], hole: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean over the hole's pixels of each picture; [B, H, W] → [B], NaN where there is no hole."""
    return np.array([part[mask].mean() if mask.any() else math.nan for part, mask in zip(values, hole, strict=True)])

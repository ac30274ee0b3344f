"""Random numbers of training steps as a pure function of seed and batch number.

No generator's state goes from one batch to the next, so a resumed run draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class BatchRandom:
    """Random numbers for the samples of one batch.

    Several processes share a batch: each draws the numbers of all samples and keeps those of its own, which are every
    `ranks`-th as the data's are. So the numbers of a sample do not depend on how many processes there are. Layers that
    draw for themselves (dropout, augmentation) take PyTorch's default generators, seeded here for each rank.

    Args:
        seed: Seed of the run.
        batch_number: Which batch of the run this is.
        device: Where the numbers are wanted.
        rank: This process.
        ranks: Number of processes.
    """

    def __init__(self, seed: int, batch_number: int, device: torch.device, rank: int = 0, ranks: int = 1) -> None:
        self.device, self.rank, self.ranks = device, rank, ranks
        self._generator = torch.Generator(device).manual_seed(_mix(seed, batch_number, 0))
        torch.manual_seed(_mix(seed, batch_number, 1 + rank))

    def normal(self, count: int, *shape: int) -> Tensor:
        """Standard normal numbers [count, *shape], a row for each of this process's samples."""
        return self._own(torch.randn(count * self.ranks, *shape, generator=self._generator, device=self.device))

    def uniform(self, count: int, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1), [count, *shape]."""
        return self._own(torch.rand(count * self.ranks, *shape, generator=self._generator, device=self.device))

    def integers(self, low: int, high: int, count: int, *shape: int) -> Tensor:
        """Integers from `low` up to but not including `high`, [count, *shape]."""
        size = (count * self.ranks, *shape)
        return self._own(torch.randint(low, high, size, generator=self._generator, device=self.device))

    def _own(self, rows: Tensor) -> Tensor:
        return rows[self.rank :: self.ranks]


def _mix(*numbers: int) -> int:
    """One seed from several numbers, such that near numbers give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)

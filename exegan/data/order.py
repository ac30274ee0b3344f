"""The order of an epoch, and which faces a sample may be paired with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from exegan.data.sources import FaceSource

# Blocks that are mixed with each other, and that a reader therefore has to keep at hand.
WINDOW_BLOCKS = 4


class Windows:
    """Every face of a source once, in a random order, cut into windows.

    Where the source has no blocks there is one window: all faces, all orders equally likely. Else the blocks are
    shuffled, a few of them in turn make a window, and faces are shuffled within theirs, so that a reader that keeps
    `WINDOW_BLOCKS` blocks reads each block once.

    Args:
        source: The faces.
        rng: Draws the order; None keeps the source's.
    """

    def __init__(self, source: FaceSource, rng: np.random.Generator | None) -> None:
        faces = np.arange(len(source.names))
        windows = [faces]
        if source.block_of is not None:
            numbers, starts = np.unique(np.sort(source.block_of), return_index=True)
            by_block = np.split(np.argsort(source.block_of, kind="stable"), starts[1:])
            blocks = np.arange(len(numbers)) if rng is None else rng.permutation(len(numbers))
            # Of equal size, give or take one: each has two blocks and therefore two faces, where there are two.
            count = -(-len(blocks) // WINDOW_BLOCKS)
            groups = np.array_split(blocks, count)
            windows = [np.concatenate([by_block[block] for block in group]) for group in groups]
        self._windows = windows if rng is None else [rng.permutation(window) for window in windows]
        self._ends = np.cumsum([len(window) for window in windows])

    def find(self, place: int) -> tuple[NDArray[np.int64], int]:
        """Faces of the window that holds a place of the epoch, and the place within it."""
        number = int(np.searchsorted(self._ends, place, side="right"))
        window = self._windows[number]
        return window, place - int(self._ends[number]) + len(window)

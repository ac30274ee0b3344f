"""A set of aligned faces behind one interface: the order of its epochs, its split into training and validation."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exegan.errors import ConfigError
from exegan.io import FORMATS


def is_picture(name: str) -> bool:
    """Whether a path names a picture; Macs pack `__MACOSX/._NAME` beside every file, which is none."""
    path = PurePosixPath(name)
    return path.suffix.lower() in FORMATS and not path.name.startswith("._") and not name.endswith("/")


class FaceSource(Protocol):
    """A set of aligned faces, each with a name.

    `block_of` is None where any face is as quick to read as another. Where faces are stored in blocks that are read as
    a whole, it holds each face's block number, and samples are drawn from a few blocks at a time.
    """

    names: list[str]
    block_of: NDArray[np.int64] | None

    def read(self, index: int) -> Image.Image:
        """Upright RGB picture number `index`, in its own size."""


def to_square(picture: Image.Image, resolution: int) -> Image.Image:
    """Centre square of a picture, resized to `resolution` with an antialiasing filter."""
    side = min(picture.size)
    left, top = (picture.width - side) / 2, (picture.height - side) / 2
    if picture.size == (resolution, resolution):
        return picture
    box = (left, top, left + side, top + side)
    return picture.resize((resolution, resolution), Image.Resampling.LANCZOS, box=box)


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


# A face needs another one as exemplar, and one or two may turn out to be unreadable.
_FEWEST = 4


def position_of(name: str) -> float:
    """Where a name lies in [0, 1), evenly spread and the same on every machine.

    The picture's format does not count, so that a set written anew as WebP is split as it was.
    """
    path = PurePosixPath(unicodedata.normalize("NFC", name))
    stem = path.with_suffix("") if path.suffix.lower() in FORMATS else path
    digest = hashlib.sha256(stem.as_posix().encode("utf-8", "surrogateescape")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def split_of(name: str, validation_fraction: float) -> Literal["train", "validation"]:
    """The part of a set that a name belongs to, whatever else is in the set."""
    return "validation" if position_of(name) < validation_fraction else "train"


class SubsetSource:
    """Some faces of another source.

    Args:
        source: The whole set.
        indices: Numbers of the faces to show, in that order.
    """

    def __init__(self, source: FaceSource, indices: Sequence[int]) -> None:
        self._source, self._indices = source, list(indices)
        self.names = [source.names[index] for index in self._indices]
        self.block_of: NDArray[np.int64] | None = None
        if source.block_of is not None:
            self.block_of = source.block_of[self._indices]

    def read(self, index: int) -> Image.Image:
        return self._source.read(self._indices[index])


def repeat_faces(source: FaceSource, weights: Mapping[str, int]) -> FaceSource:
    """A source in which some faces come several times in an epoch, or not at all.

    Args:
        source: The faces.
        weights: How often, by a regular expression that is searched for in a face's name; the first that is found
            counts, all other faces come once.

    Raises:
        ConfigError: An expression is none, or a weight is negative.
    """
    try:
        patterns = {re.compile(pattern): weight for pattern, weight in weights.items()}
    except re.error as error:
        raise ConfigError(f"data.weights has {error.pattern!r}, which is no regular expression ({error})") from error
    if any(weight < 0 for weight in weights.values()):
        raise ConfigError(f"data.weights is {dict(weights)}, expected whole numbers from 0 up")
    times = [next((weight for one, weight in patterns.items() if one.search(name)), 1) for name in source.names]
    return SubsetSource(source, [index for index, count in enumerate(times) for _ in range(count)])


def split_source(source: FaceSource, validation_fraction: float) -> tuple[FaceSource, FaceSource | None]:
    """Views of the faces for training and for validation; the latter is None where nothing is held out.

    Where fewer than four names fall under the fraction, the four lowest ones are held out all the same, provided that
    as many remain for training; only in such a small set can a face move when others are added.
    """
    if validation_fraction == 0:
        return source, None
    positions = np.array([position_of(name) for name in source.names])
    held_out = positions < validation_fraction
    if held_out.sum() < _FEWEST:
        if len(positions) < 2 * _FEWEST:
            return source, None
        held_out[np.argsort(positions, kind="stable")[:_FEWEST]] = True
    parts = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    return SubsetSource(source, parts[0].tolist()), SubsetSource(source, parts[1].tolist())

"""Frozen choices: which exemplar and which mask a face gets, decided by names and a seed alone."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from exegan.errors import InputError


def stem_of(name: str) -> str:
    """A picture's relative path without its extension: what pictures are paired by."""
    return PurePosixPath(name).with_suffix("").as_posix()


def stems_of(names: Sequence[str], where: str) -> dict[str, int]:
    """Stem → number of the picture.

    Raises:
        InputError: Two pictures have the same stem.
    """
    stems: dict[str, int] = {}
    for number, name in enumerate(names):
        stem = stem_of(name)
        if stem in stems:
            raise InputError(
                f"{where} holds both {names[stems[stem]]} and {name}, which cannot be told apart; rename one of them"
            )
        stems[stem] = number
    return stems


def exemplars_of(stems: Sequence[str], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each face the number of its exemplar and of a random other face, neither of them itself.

    The faces form a ring in the order of a hash of seed and stem; the exemplar is the next in it, the other the one
    after that. So every face is an exemplar once, and neither order nor format of the files matters.

    Args:
        stems: At least three, all different.
        seed: Another seed, another ring.

    Raises:
        InputError: There are fewer than three.
    """
    if len(stems) < 3:
        raise InputError(f"got {len(stems)} faces, expected at least 3: a face, its exemplar and a random other one")
    ring = np.array(sorted(range(len(stems)), key=lambda number: _draw(seed, "exemplar", stems[number])))
    exemplars, others = np.empty_like(ring), np.empty_like(ring)
    exemplars[ring], others[ring] = np.roll(ring, -1), np.roll(ring, -2)
    return exemplars, others


def mask_number(stem: str, bin_name: str, count: int, seed: int) -> int:
    """Number of the mask, among `count` of a bin, that a face gets."""
    return _draw(seed, bin_name, stem) % count


def picture_seed(stem: str, bin_name: str, seed: int) -> int:
    """Seed of the model's random numbers for a face in a bin."""
    return _draw(seed, f"random numbers {bin_name}", stem) >> 1


def check_pairs(wanted: Collection[str], found: Collection[str], where: str) -> None:
    """Make sure that each of the wanted stems is there.

    Raises:
        InputError: Some are missing; the first is named.
    """
    missing = sorted(set(wanted) - set(found))
    if missing:
        raise InputError(
            f"{where} has no picture named {missing[0]}.* ({len(missing)} of {len(wanted)} are missing there);"
            " pictures are paired by their names without extension, so name them alike"
        )


def _draw(seed: int, purpose: str, stem: str) -> int:
    """64 bits that are the same on every machine."""
    digest = hashlib.sha256(f"{seed}\0{purpose}\0{stem}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big")

"""Holes of a photo with several faces: made of regions, and divided among the faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from exegan.errors import InputError
from exegan.faces.align import ffhq_affine
from exegan.faces.face import Face
from exegan.faces.paste import hole_outside_crop
from exegan.faces.select import faces_mask, spare_others
from exegan.images import read_mask
from exegan.masks import editing
from exegan.masks.regions import parse_regions

BoolMask = NDArray[np.bool_]


@dataclass(frozen=True)
class Regions:
    """A hole over parts of the chosen faces.

    Args:
        names: As `eyes+mouth`, see `exegan.masks.regions.REGIONS`; None = the regions that exemplars are given for.
        grow: Pixels to widen it by; negative narrows it.
        invert: All but these regions instead, and but other faces.

    Raises:
        MaskError: A name is unknown.
    """

    names: str | None
    grow: int = 0
    invert: bool = False

    def __post_init__(self) -> None:
        if self.names is not None:
            parse_regions(self.names)


@dataclass(frozen=True, eq=False)
class AllBut:
    """A hole over all but a mask; where somebody says which faces are meant, it leaves the others out.

    Args:
        mask: Bool [H, W] of the upright photo, True = known.
    """

    mask: BoolMask


Hole = BoolMask | Regions | AllBut
"""Bool [H, W] of the upright photo, True = hole; or what to make one of."""


def read_hole(mask: str | Path | None, regions: str | None, grow: int = 0, invert: bool = False) -> Hole:
    """The hole that a mask file or names of regions describe; with neither, exemplars for regions must say it.

    Args:
        mask: Picture of the photo's size, white = hole.
        regions: As `eyes+mouth`.
        grow: Pixels to widen it by; negative narrows it.
        invert: All else is the hole instead.

    Raises:
        InputError: Both are given, or the mask cannot be read.
        MaskError: A region is unknown.
    """
    if mask is None:
        return Regions(regions, grow, invert)
    if regions is not None:
        raise InputError("the hole is given twice; give a mask or a region, not both")
    hole = editing.grow(read_mask(mask), grow)
    return AllBut(hole) if invert else hole


def regions_hole(
    regions: Regions, wanted: Sequence[tuple[Face, str]], others: Sequence[Face], size_hw: tuple[int, int]
) -> BoolMask:
    """The hole over regions of several faces.

    Args:
        regions: How to grow or invert it.
        wanted: Faces, and the names of their regions.
        others: Faces that are not to be completed; the hole leaves them out.
        size_hw: Height and width of the photo.

    Raises:
        MaskError: A region lies outside the photo or is narrowed to nothing.
    """
    hole = np.zeros(size_hw, dtype=np.bool_)
    for face, names in wanted:
        hole |= faces_mask(size_hw, [face], names, grow=regions.grow)
    hole = editing.invert(hole) if regions.invert else hole
    return spare_others(hole, [face for face, _ in wanted], others, inverted=regions.invert)


def touches_crop(mask: BoolMask, face: Face) -> bool:
    """Whether any hole pixel lies in a face's aligned crop."""
    return bool(mask.any()) and hole_outside_crop(mask, ffhq_affine(face.landmarks5, 1), 1) < 1

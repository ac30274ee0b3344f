"""Where to complete, as people say it: a mask, regions of faces, or all but these."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from exegan.errors import InputError
from exegan.io import read_mask
from exegan.masks import editing
from exegan.masks.editing import BoolMask
from exegan.masks.regions import parse_regions

NO_HOLE = "there is no hole; give a mask, regions, or exemplars for regions (eyes=PHOTO)"


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

"""Mask files for photos, made from words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exegan.errors import InputError
from exegan.faces.detect import FaceDetector
from exegan.faces.select import faces_mask, select_faces, split_faces
from exegan.images import read_photo, save_photo
from exegan.masks.irregular import irregular_mask, parse_fraction
from exegan.masks.regions import parse_regions


@dataclass(frozen=True)
class MaskRecipe:
    """What a mask is made of: regions of faces, or random strokes.

    Args:
        region: Names of `masks.regions.REGIONS` joined by `+`; None for strokes.
        face: Whose, in words of `faces.select.select_faces`.
        grow: Pixels to widen the hole by, negative to narrow it.
        invert: Hole everywhere else instead, but on no other face.
        irregular: Range of the strokes' share in per cent such as `20-40`; None for regions.
        seed: Of the strokes.

    Raises:
        InputError: It asks for both or neither, or for an unknown region or an impossible share.
    """

    region: str | None = None
    face: str = "auto"
    grow: int = 0
    invert: bool = False
    irregular: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.region is None) == (self.irregular is None):
            raise InputError("a mask is made of regions or of strokes; give one of --region and --irregular")
        if self.region is not None:
            parse_regions(self.region)
        if self.irregular is not None:
            parse_fraction(self.irregular)
            if (self.face, self.grow, self.invert) != ("auto", 0, False):
                raise InputError(
                    "random strokes belong to no face and keep their share; leave --face, --grow, --invert"
                )


def make_mask(photo: Image.Image, recipe: MaskRecipe, detector: FaceDetector | None = None) -> NDArray[np.bool_]:
    """Mask of an upright RGB photo.

    Args:
        photo: Upright, RGB.
        recipe: What it is made of.
        detector: For regions; None makes one.

    Returns:
        Bool [H, W], True = hole.

    Raises:
        NoFaceFound: A region is wanted and the photo has no face.
        InputError: It has no such face.
        MaskError: Nothing would be hole.
    """
    size_hw = (photo.height, photo.width)
    if recipe.irregular is not None:
        return irregular_mask(size_hw, parse_fraction(recipe.irregular), recipe.seed)
    faces = (detector or FaceDetector()).detect(photo)
    chosen, others = split_faces(faces, select_faces(faces, recipe.face))
    return faces_mask(size_hw, chosen, recipe.region or "", grow=recipe.grow, invert=recipe.invert, others=others)


def write_mask(photo: str | Path, output: str | Path, recipe: MaskRecipe) -> float:
    """Write the mask of a photo as a picture of its upright size, white = hole; the hole's share of it.

    Raises:
        InputError: As for `images.read_photo`, `images.save_photo` and `make_mask`.
    """
    mask = make_mask(read_photo(photo), recipe)
    save_photo(Image.fromarray(mask).convert("L"), output)
    return float(mask.mean())
